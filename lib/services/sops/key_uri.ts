/**
 * The name of a Trousseau key in a SOPS file.
 *
 * SOPS' protocol has a fixed list of kinds of key. Trousseau's keys are sent as keys of Vault's transit engine. The scheme
 * of their address is not http: if sops calls its local key service first, that passes the key to Vault's client, which
 * refuses the address without a DNS query or a connection.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { SopsKey, VaultKey } from "../../api/sops/messages.ts";

const address = "trousseau://keyring";
const engine = "sops";

/** The operation, as the verb of error messages. */
export type SopsVerb = "encrypt" | "decrypt";

/** The URI of a key for `hc_vault_transit_uri` and `--hc-vault-transit`. */
export function keyUri(name: string): string {
  return `${address}/v1/${engine}/keys/${name}`;
}

/** The key message that SOPS sends for the same key. */
export function vaultKeyOf(name: string): VaultKey {
  return { vault_address: address, engine_path: engine, key_name: name };
}

const otherKinds = {
  kms_key: "AWS KMS",
  pgp_key: "PGP",
  gcp_kms_key: "Google Cloud KMS",
  azure_keyvault_key: "Azure Key Vault",
  age_key: "age",
  hckms_key: "Huawei Cloud KMS",
} as const satisfies Record<Exclude<keyof SopsKey, "vault_key">, string>;

/**
 * Reads the name of the key from a request.
 *
 * @param names the names of the configured keys.
 * @throws {KmsError} `request_invalid` for no key or several; `key_unknown` for a key that is not one of `names`.
 */
export function keyNameOf(verb: SopsVerb, key: SopsKey | undefined, names: readonly string[]): string {
  const { vault_key: ours, ...others } = key ?? {};
  const kinds = Object.keys(others).map((kind) => otherKinds[kind as keyof typeof otherKinds]);
  if (kinds.length + (ours ? 1 : 0) > 1) throw refused("request_invalid", verb, "the request names several keys");
  if (kinds.length > 0) throw notHere(verb, `keys of ${kinds.join()}`);
  if (!ours) throw refused("request_invalid", verb, "the request names no key");
  if (ours.vault_address !== address || ours.engine_path !== engine) throw notHere(verb, "keys of a Vault");
  if (names.includes(ours.key_name)) return ours.key_name;
  const known = names.map((name) => `"${name}"`).join(", ");
  throw refused("key_unknown", verb, `this key service has no key${quoted(ours.key_name)}; it has ${known}`);
}

function notHere(verb: SopsVerb, what: string): KmsError {
  return refused("key_unknown", verb, `this key service has no ${what}; its own are ${keyUri("NAME")}`);
}

/** The name comes from a file and can hold any text. Only a name of plain characters is repeated in a message. */
function quoted(name: string): string {
  return /^[\w.-]{1,63}$/.test(name) ? ` "${name}"` : " of that name";
}

function refused(code: "request_invalid" | "key_unknown", verb: SopsVerb, why: string): KmsError {
  return new KmsError(code, `Cannot ${verb}: ${why}.`);
}
