/**
 * Converts the original's `vault.yaml`, and the section `vault` of its first `config.yaml`.
 *
 * @module
 */
import type { OldFields } from "./notes.ts";
import { parseVaultAddress } from "../vault_address.ts";
import { address, type ConvertedProvider, secretFile } from "./provider.ts";

/** The auth path that the original uses by default. */
const defaultAuthPath = "auth";

/** Converts to one `vault-transit` provider. */
export function convertVault(old: OldFields, name: string): ConvertedProvider {
  const transit = old.text("transitPath")?.replace(/^\/+|\/+$/g, "");
  const authPath = (old.text("authPath") ?? defaultAuthPath).replace(/^\/+|\/+$/g, "");
  const provider: ConvertedProvider = {
    kind: "vault-transit",
    name,
    address: vaultAddress(old),
    ...(transit === undefined || transit === "transit" ? {} : { mount: transit }),
    key: key(old),
    auth: auth(old, name, authPath),
    ...tls(old),
  };
  old.noteRest();
  return provider;
}

/** The address with its path, or the socket of an agent, if this program supports it unchanged. */
function vaultAddress(old: OldFields): string {
  const value = old.text("address");
  const parsed = value === undefined ? undefined : parseVaultAddress(value);
  return parsed !== undefined && "address" in parsed ? parsed.address : address(old, "address");
}

function key(old: OldFields): string {
  const [first, ...others] = old.texts("keyNames");
  if (first === undefined) old.note("keyNames", "must name a key; write it into the output");
  if (others.length > 0) {
    old.note("keyNames", "all but the first are not carried over: the original used the first one");
  }
  return first ?? "kubernetes";
}

/** The auth method; the order is that in which the original tries them. */
function auth(old: OldFields, name: string, authPath: string): unknown {
  const [token, certificate, certificateKey, roleId] = ["token", "clientCert", "clientKey", "roleID"].map((field) =>
    old.text(field)
  );
  const secretId = old.text("secretID");
  if (token !== undefined) {
    unused(old, "roleID", "secretID");
    return { method: "token", token: secretFile(old, "token", `${name}-token`) };
  }
  if (certificate !== undefined && certificateKey !== undefined) {
    unused(old, "roleID", "secretID");
    return { method: "cert", ...mount(old, authPath, "cert") };
  }
  if (roleId !== undefined) {
    if (secretId === undefined) old.note("roleID", "has no secretID beside it; put one into the file that is named");
    const file = secretFile(old, "secretID", `${name}-secret-id`);
    return { method: "approle", ...mount(old, authPath, "approle"), roleId, secretId: file };
  }
  old.note("", "has no way to log in; a token in a file is written, change it in the output");
  return { method: "token", token: secretFile(old, "token", `${name}-token`) };
}

function unused(old: OldFields, ...names: readonly string[]): void {
  for (const name of names) {
    if (old.has(name)) old.note(name, "is not carried over: the original logs in by other means first");
  }
}

function mount(old: OldFields, authPath: string, method: string): { mount?: string } {
  if (authPath === defaultAuthPath) return {};
  const below = authPath.startsWith(`${defaultAuthPath}/`) ? authPath.slice(defaultAuthPath.length + 1) : undefined;
  if (below !== undefined) return { mount: `${below}/${method}` };
  old.note("authPath", "is not carried over: auth methods are below auth/");
  return {};
}

function tls(old: OldFields): { tls?: unknown } {
  const fields = {
    caFile: old.text("vaultCACert"),
    serverName: old.text("tlsServerName"),
    certificateFile: old.text("clientCert"),
    keyFile: old.text("clientKey"),
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? {} : { tls: Object.fromEntries(given) };
}
