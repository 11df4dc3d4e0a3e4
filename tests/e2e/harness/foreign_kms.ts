/**
 * The KMS behind a plugin that is replaced: first for the other plugin, then for ours.
 *
 * @module
 */
import { startMoto } from "../../support/moto.ts";
import { startVault } from "../../support/vault.ts";
import { awsEntry } from "./aws.ts";
import type { Node } from "./plugin.ts";

/** A key that both plugins use. Disposing of it ends the server. */
export interface ForeignKms extends AsyncDisposable {
  /** What our provider is called. */
  readonly name: "vault" | "aws";
  /** The command line of the other plugin, as far as it is about the KMS. */
  readonly args: readonly string[];
  /** What `readForeign` has beside format and providers. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The key gets another version, where the server can do that. */
  rotate(): Promise<void>;
  /** The entry of our provider, with the rights that operators are told to give it and no others. */
  entry(node: Node): Promise<unknown>;
}

const key = "kubernetes";

/** A key in a real Vault. */
export async function vaultKms(): Promise<ForeignKms> {
  const vault = await startVault();
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", `transit/keys/${key}`, {});
  const policyFile = new URL("../../../deploy/policies/vault.hcl", import.meta.url);
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  return {
    name: "vault",
    args: ["-vault-address", vault.address, "-token", vault.token, "-transit-key", key],
    options: {},
    rotate: async () => void await vault.api("POST", `transit/keys/${key}/rotate`),
    entry: async (node) => {
      const { body } = await vault.api("POST", "auth/token/create", {
        policies: ["trousseau"],
        no_default_policy: true,
      });
      const token = { file: await node.write("token", body.auth.client_token) };
      return { name: "vault", kind: "vault-transit", address: vault.address, key, auth: { method: "token", token } };
    },
    [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose](),
  };
}

/** What the other plugin binds everything in AWS KMS to. */
const context = { cluster: "old" };

/** A key in moto, which lets the other plugin do anything and holds ours to its rights. */
export async function awsKms(options: { readonly unprefixed?: boolean } = {}): Promise<ForeignKms> {
  const moto = await startMoto();
  const arn = await moto.newKey();
  const [binding] = Object.entries(context).map((pair) => pair.join("="));
  return {
    name: "aws",
    args: ["-aws-endpoint", moto.endpoint, "-aws-key", arn, "-aws-context", binding ?? ""],
    options: { ...options, encryptionContext: context },
    rotate: () => Promise.resolve(),
    entry: (node) => awsEntry(moto, arn, node),
    [Symbol.asyncDispose]: () => moto[Symbol.asyncDispose](),
  };
}
