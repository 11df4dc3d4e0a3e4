/**
 * Converts the original's `azurekms.yaml`, and the cloud provider's config (`azure.json`) that it names for its login.
 *
 * @module
 */
import { clouds } from "../../provider/azure_key_vault/clouds.ts";
import type { OldFields } from "./notes.ts";
import { type ConvertedProvider, secretFile } from "./provider.ts";

/** The clouds by their names in `azure.json`. */
const cloudNames: ReadonlyMap<string, keyof typeof clouds> = new Map([
  ["azurepubliccloud", "public"],
  ["azurechinacloud", "china"],
  ["azureusgovernmentcloud", "usGovernment"],
]);

const guid = /^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;

/** A login, and its cloud. */
export interface AzureLogin {
  readonly cloud: keyof typeof clouds;
  readonly auth: unknown;
}

/** The result for one file. */
export interface ConvertedAzure {
  readonly provider: ConvertedProvider;
  /** The key version with which the original encrypted; `undefined` if the file does not contain it. */
  readonly keyVersion: string | undefined;
}

/**
 * Converts to one `azure-key-vault` provider.
 *
 * @param login from the cloud provider's config, if that is converted too.
 */
export function convertAzure(old: OldFields, name: string, login: AzureLogin | undefined): ConvertedAzure {
  const [vault, hsm] = clouds[login?.cloud ?? "public"].domains;
  const vaultName = old.text("keyVaultName");
  if (vaultName === undefined) old.note("keyVaultName", "is missing; write the vault into the output");
  const version = old.text("keyVersion");
  if (version === undefined) {
    old.note("keyVersion", "is missing: what the original wrote with Azure is not read without it");
  } else {
    old.note("keyVersion", "pins this version, so that rotations are not followed; take version out to follow them");
  }
  old.text("configFilePath");
  if (login === undefined) {
    old.note(
      "configFilePath",
      "the login is in that file, and managed-identity is written for it; convert it too to carry it over",
    );
  }
  const provider: ConvertedProvider = {
    kind: "azure-key-vault",
    name,
    vault: `https://${vaultName ?? "vault"}.${old.flag("managedHSM") ? hsm : vault}`,
    key: old.text("keyName") ?? missingKey(old),
    ...(version === undefined ? {} : { version }),
    auth: login?.auth ?? { method: "managed-identity" },
  };
  old.noteRest();
  return { provider, keyVersion: version };
}

function missingKey(old: OldFields): string {
  old.note("keyName", "is missing; write the key into the output");
  return "kubernetes";
}

/** Whether this is the config of the Kubernetes cloud provider for Azure. */
export function isAzureLogin(old: OldFields): boolean {
  return old.has("aadClientId") || old.has("useManagedIdentityExtension") || old.has("aadClientSecret");
}

/** Reads the fields about the login; the other fields of that file are for other programs. */
export function azureLogin(old: OldFields, name: string): AzureLogin {
  const named = old.text("cloud")?.toLowerCase();
  const cloud = cloudNames.get(named ?? "azurepubliccloud");
  if (cloud === undefined) old.note("cloud", "is not one of Azure's clouds; see cloud in the schema");
  return { cloud: cloud ?? "public", auth: auth(old, name) };
}

function auth(old: OldFields, name: string): unknown {
  if (old.flag("useManagedIdentityExtension")) {
    const clientId = old.text("userAssignedIdentityID");
    if (clientId === undefined) return { method: "managed-identity" };
    if (guid.test(clientId)) return { method: "managed-identity", clientId };
    old.note("userAssignedIdentityID", "is not carried over: it is no client ID; write the identity's clientId");
    return { method: "managed-identity" };
  }
  const [tenantId, clientId] = [old.text("tenantId"), old.text("aadClientId")];
  const who = { tenantId: tenantId ?? "", clientId: clientId ?? "" };
  for (const [field, value] of [["tenantId", tenantId], ["aadClientId", clientId]] as const) {
    if (value === undefined) old.note(field, `is missing; write ${field} into the output`);
  }
  const certificateFile = old.text("aadClientCertPath");
  if (certificateFile === undefined) {
    return { method: "client-secret", ...who, clientSecret: secretFile(old, "aadClientSecret", `${name}-secret`) };
  }
  old.note("aadClientCertPath", "must be PEM with its key, without a password; convert it if it is PKCS #12");
  return { method: "client-certificate", ...who, certificateFile };
}
