/**
 * How a file names one of our keys.
 *
 * SOPS' protocol has a closed list of kinds of key, and ours is none of them: it travels as a key of Vault's transit
 * engine. The scheme of its address is no http, so that Vault's client, which a sops with its local key service asks
 * first, refuses it before a name is looked up or a byte is sent.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { SopsKey, VaultKey } from "../../api/sops/messages.ts";

const address = "trousseau://keyring";
const engine = "sops";

/** What was asked for, as a verb for sentences. */
export type SopsVerb = "encrypt" | "decrypt";

/** The URI of a key, as `hc_vault_transit_uri` and `--hc-vault-transit` take it. */
export function keyUri(name: string): string {
  return `${address}/v1/${engine}/keys/${name}`;
}

/** The same as SOPS sends it. */
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
 * The name of the key that a request means.
 *
 * @param names those that there are.
 * @throws {KmsError} `request_invalid` for no key or several, `key_unknown` for any that is not one of ours.
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

/** A name comes from a file, which may be anybody's. */
function quoted(name: string): string {
  return /^[\w.-]{1,63}$/.test(name) ? ` "${name}"` : " of that name";
}

function refused(code: "request_invalid" | "key_unknown", verb: SopsVerb, why: string): KmsError {
  return new KmsError(code, `Cannot ${verb}: ${why}.`);
}
