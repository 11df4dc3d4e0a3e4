/**
 * `kind: azure-key-vault`: a key in Azure Key Vault or Managed HSM.
 *
 * @module
 */
import * as z from "zod/mini";
import { utf8 } from "../../base/bytes.ts";
import { isBelow, type Place, placeOf } from "../../provider/azure_key_vault/clouds.ts";
import type { AzureAuth, AzureKeyVaultSettings } from "../../provider/azure_key_vault/settings.ts";
import { providerLimits } from "../../provider/provider.ts";
import { flag, oneOf, origin, path, secret, section, tag, text, variants } from "../fields.ts";
import { fileSource } from "../secrets.ts";
import { commonFields, type ConfigValidator } from "./common.ts";
import { proxySchema, proxySettings } from "./proxy.ts";

/** The metadata service of every virtual machine on Azure. The address is link-local. */
const metadataService = "http://169.254.169.254";

/** The origin of Azure Arc's agent on a Linux machine, and the folder of its files, which only some users may read. */
const arcAgent = { metadata: "http://127.0.0.1:40342", keyFolder: "/var/opt/azcmagent/tokens" } as const;

const guid = /^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;
const guidComplaint = "must be a GUID such as 2ad86d5c-0ecc-4ae4-b2b5-0f3e0c9c1a11";
const tenant = /^[0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?$/;
const tenantComplaint = "must be a tenant's GUID or domain";

const tenantId = text("The tenant: its GUID, or one of its domains such as contoso.example.", tenant, tenantComplaint);

function clientId(description: string) {
  return text(description, guid, guidComplaint);
}

const application = clientId("The application's (client) ID, a GUID such as 2ad86d5c-0ecc-4ae4-b2b5-0f3e0c9c1a11.");

const auths = {
  "client-secret": section("An application's client secret.", {
    method: tag("With a client secret.", "client-secret"),
    tenantId,
    clientId: application,
    clientSecret: secret("The client secret."),
  }),
  "client-certificate": section("An application's certificate.", {
    method: tag("With a certificate.", "client-certificate"),
    tenantId,
    clientId: application,
    certificateFile: path("The certificate (PEM) with its chain, and with its RSA key where there is no keyFile."),
    keyFile: z.exactOptional(path("The certificate's RSA key (PEM).")),
    sendChain: z._default(
      flag("Whether the chain is sent: for applications that trust a subject name and an issuer, not a thumbprint."),
      false,
    ),
  }),
  "managed-identity": section("The identity of the virtual machine that this runs on.", {
    method: tag("With a managed identity.", "managed-identity"),
    clientId: z.exactOptional(
      clientId("The client ID of a user-assigned identity, a GUID. Default: the machine's own identity."),
    ),
  }),
  "azure-arc": section("The identity that Azure Arc gives a machine outside of Azure.", {
    method: tag("With the agent of Azure Arc.", "azure-arc"),
  }),
  "workload-identity": section("A token of another issuer, such as a cluster's, that the application trusts.", {
    method: tag("With workload identity federation.", "workload-identity"),
    tenantId: z.exactOptional(tenantId.check(z.describe("The tenant. Default: $AZURE_TENANT_ID."))),
    clientId: z.exactOptional(clientId("The application's or identity's client ID. Default: $AZURE_CLIENT_ID.")),
    tokenFile: z.exactOptional(path("The file of the token. Default: $AZURE_FEDERATED_TOKEN_FILE.")),
  }),
} as const satisfies { readonly [Method in AzureAuth["method"]]: z.core.$ZodTypeDiscriminable };

/** The schema of the entry. */
export const azureKeyVaultSchema = section("A key in Azure Key Vault or Managed HSM.", {
  kind: tag("Azure Key Vault or Managed HSM.", "azure-key-vault"),
  ...commonFields,
  vault: origin(
    "Where the vault or HSM pool is, such as https://team-a.vault.azure.net or https://pool.managedhsm.azure.net.",
  ),
  key: text(
    "The key's name without a version, such as kubernetes: 1 to 127 letters, digits and -.",
    /^[0-9A-Za-z-]{1,127}$/,
    "must be a key's name of 1 to 127 letters, digits and -, without a version",
  ),
  version: z.exactOptional(
    text(
      "A version to stay with, 32 hexadecimal digits: rotations in the vault are not followed. Leave it out to follow them.",
      /^[0-9a-f]{32}$/,
      "must be a version of 32 lowercase hexadecimal digits",
    ),
  ),
  cloud: z.exactOptional(
    section("For a vault that is in none of Azure's public, Chinese and US government clouds.", {
      resource: origin(
        "The resource that tokens are for, such as https://vault.local.azurestack.example; the vault is in its domain.",
      ),
      authority: origin("Where tokens come from, such as https://login.local.azurestack.example."),
    }),
  ),
  unwrapAlgorithms: z._default(
    z.array(
      oneOf("An algorithm that has wrapped old data.", ["RSA-OAEP", "RSA1_5"]),
      "must be a list of algorithms",
    ).check(
      z.maxLength(2, "must be at most 2 algorithms"),
      z.describe("Algorithms that unwrap old data beside RSA-OAEP-256. Nothing is wrapped with them."),
    ),
    [],
  ),
  auth: variants("method", auths).check(z.describe("How to log in to Microsoft Entra ID.")),
  proxy: z.exactOptional(proxySchema),
  tls: z.prefault(
    section("How to trust the servers.", {
      caFile: z.exactOptional(path("The file of the authorities (PEM) to trust, instead of the system's.")),
    }),
    {},
  ),
});

type Raw = z.infer<typeof azureKeyVaultSchema>;

/** The provider's settings. */
export async function azureKeyVaultSettings(raw: Raw, validator: ConfigValidator): Promise<AzureKeyVaultSettings> {
  const key = raw.key.toLowerCase();
  const place = placeIn(raw, validator);
  if (utf8(`${raw.vault}/keys/${key}/${"0".repeat(32)}`).length > providerLimits.version) {
    validator.complain(
      ["vault"],
      `with the key's name is too long: ${providerLimits.version} bytes are left for a version`,
    );
  }
  if (new Set(raw.unwrapAlgorithms).size < raw.unwrapAlgorithms.length) {
    validator.complain(["unwrapAlgorithms"], "names an algorithm twice");
  }
  return {
    kind: raw.kind,
    name: raw.name,
    vault: raw.vault,
    key,
    ...(raw.version === undefined ? {} : { version: raw.version }),
    cloud: { resource: place.resource, authority: authority(raw, place, validator) },
    unwrapAlgorithms: raw.unwrapAlgorithms,
    auth: await azureAuth(raw.auth, validator.within("auth")),
    tls: {
      ...(raw.tls.caFile === undefined
        ? {}
        : { caFile: await validator.within("tls").file(["caFile"], raw.tls.caFile, "public") }),
      ...await proxySettings(raw.proxy, validator.within("proxy")),
    },
  };
}

/** The cloud of the vault. Only `cloud` permits tokens for a domain that is not Azure's. */
function placeIn({ vault, cloud }: Raw, validator: ConfigValidator): Place {
  const known = placeOf(vault);
  const place = cloud === undefined ? known : { resource: cloud.resource, authorities: [cloud.authority] as const };
  if (!vault.startsWith("https:")) validator.complain(["vault"], "must begin with https://");
  if (place === undefined) {
    validator.complain(
      ["vault"],
      "is in no domain of Azure's clouds; for another one, such as Azure Stack, write cloud",
    );
    return { resource: vault, authorities: [vault] };
  }
  if (cloud !== undefined && known !== undefined) {
    validator.complain(["cloud"], "is not for a vault of one of Azure's clouds; leave it out");
  }
  if (!isBelow(vault, place.resource)) {
    validator.complain(["cloud", "resource"], "must be the domain that the vault is in");
  }
  return place;
}

/** The token issuer. AKS sets it for a workload identity; it must be an authority of the vault's cloud. */
function authority({ auth }: Raw, { authorities }: Place, validator: ConfigValidator): string {
  const variable = auth.method === "workload-identity" ? validator.variable("AZURE_AUTHORITY_HOST") : undefined;
  if (variable === undefined) return authorities[0];
  const named = URL.canParse(variable) ? new URL(variable).origin : variable;
  const found = authorities.find((one) => one === named);
  if (found === undefined) {
    validator.complain(
      ["auth", "method"],
      `AZURE_AUTHORITY_HOST is not ${authorities.join(" or ")}, which the vault's cloud has`,
    );
  }
  return found ?? authorities[0];
}

async function azureAuth(raw: Raw["auth"], validator: ConfigValidator): Promise<AzureAuth> {
  switch (raw.method) {
    case "client-secret":
      return { ...raw, clientSecret: await validator.secret(["clientSecret"], raw.clientSecret) };
    case "client-certificate": {
      const { certificateFile, keyFile, ...rest } = raw;
      return {
        ...rest,
        certificateFile: await validator.file(
          ["certificateFile"],
          certificateFile,
          // Without a separate key file, the certificate file contains the key too.
          keyFile === undefined ? "credential" : "public",
        ),
        ...(keyFile === undefined ? {} : { keyFile: await validator.file(["keyFile"], keyFile) }),
      };
    }
    case "managed-identity":
      return { ...raw, metadata: metadataService };
    case "azure-arc":
      return { ...raw, ...arcAgent };
    case "workload-identity":
      return await workloadIdentity(raw, validator);
  }
}

async function workloadIdentity(
  raw: Extract<Raw["auth"], { readonly method: "workload-identity" }>,
  validator: ConfigValidator,
): Promise<AzureAuth> {
  const take = (field: "tenantId" | "clientId", variable: "AZURE_TENANT_ID" | "AZURE_CLIENT_ID", form: RegExp) => {
    const value = raw[field] ?? validator.variable(variable) ?? "";
    if (value === "") validator.complain([field], `is missing, and ${variable} is not set`);
    else if (!form.test(value)) validator.complain([field], `${variable} does not hold one`);
    return value;
  };
  const tokenFile = raw.tokenFile ?? validator.variable("AZURE_FEDERATED_TOKEN_FILE");
  if (tokenFile === undefined) {
    validator.complain(["tokenFile"], "is missing, and AZURE_FEDERATED_TOKEN_FILE is not set");
  }
  return {
    method: raw.method,
    tenantId: take("tenantId", "AZURE_TENANT_ID", tenant),
    clientId: take("clientId", "AZURE_CLIENT_ID", guid),
    token: fileSource(tokenFile === undefined ? "" : await validator.file(["tokenFile"], tokenFile)),
  };
}
