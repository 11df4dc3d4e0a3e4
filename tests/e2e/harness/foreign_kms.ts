/**
 * The KMS of another plugin that is replaced by ours. Both use it.
 *
 * @module
 */
import { type Moto, motoRegion, startMoto } from "../../support/moto.ts";
import { freePort } from "../../support/processes.ts";
import { startVault } from "../../support/vault.ts";
import { awsEntry } from "./aws.ts";
import type { Node } from "./plugin.ts";

/** The command line of a program. */
export interface CommandLine {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A key that both plugins use. Disposing of it ends the server. */
export interface ForeignKms extends AsyncDisposable {
  /** The name of our provider. */
  readonly name: "vault" | "aws";
  /** The arguments of the stand-in for the KMS. */
  readonly args: readonly string[];
  /** The complete command line of the real plugin: vault-kubernetes-kms or aws-encryption-provider. */
  real(socket: string): CommandLine;
  /** The fields of `readForeign` besides format and providers. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Makes a new version of the key, if the server supports it. */
  rotate(): Promise<void>;
  /** The entry of our provider, with only the documented rights. */
  entry(node: Node): Promise<unknown>;
}

const key = "kubernetes";

/** A key in a real Vault. */
export interface VaultKms extends ForeignKms {
  /** The origin of the Vault. */
  readonly address: string;
  /** Allows the deletion of the key, and deletes it with all versions. */
  deleteKey(): Promise<void>;
  entry(node: Node): Promise<{ readonly name: string; readonly address: string }>;
}

/** Starts a Vault with a key. */
export async function vaultKms(): Promise<VaultKms> {
  const vault = await startVault();
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", `transit/keys/${key}`, {});
  const policyFile = new URL("../../../deploy/policies/vault.hcl", import.meta.url);
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  const args = ["-vault-address", vault.address, "-token", vault.token, "-transit-key", key];
  return {
    name: "vault",
    address: vault.address,
    args,
    real: (socket) => {
      const own = ["-socket", `unix://${socket}`, "-auth-method", "token", "-health-port", `${freePort()}`];
      return { args: [...own, ...args] };
    },
    options: {},
    rotate: async () => void await vault.api("POST", `transit/keys/${key}/rotate`),
    deleteKey: async () => {
      await vault.api("POST", `transit/keys/${key}/config`, { deletion_allowed: true });
      await vault.api("DELETE", `transit/keys/${key}`);
    },
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

/** The encryption context of the other plugin in AWS KMS. */
const context = { cluster: "old" };

/** A key in moto. The other plugin has all rights; the rights of ours are checked. */
export async function awsKms(options: { readonly unprefixed?: boolean } = {}): Promise<ForeignKms> {
  const moto = await startMoto();
  const arn = await unprefixedKey(moto);
  const [binding = ""] = Object.entries(context).map((pair) => pair.join("="));
  return {
    name: "aws",
    args: ["-aws-endpoint", moto.endpoint, "-aws-key", arn, "-aws-context", binding],
    real: (socket) => {
      const own = ["--listen", socket, "--region", motoRegion, "--health-port", `127.0.0.1:${freePort()}`];
      const kms = ["--kms-endpoint", moto.endpoint, "--key", arn, "--encryption-context", binding];
      return { args: [...own, ...kms], env: { AWS_ACCESS_KEY_ID: "other", AWS_SECRET_ACCESS_KEY: "other" } };
    },
    options: { ...options, encryptionContext: context },
    rotate: () => Promise.resolve(),
    entry: (node) => awsEntry(moto, arn, node),
    [Symbol.asyncDispose]: () => moto[Symbol.asyncDispose](),
  };
}

/**
 * Makes a key whose ciphertexts do not begin with "1", the prefix of aws-encryption-provider: those of moto begin with the
 * key's ID, those of AWS with 0x01.
 */
async function unprefixedKey(moto: Moto): Promise<string> {
  for (;;) {
    const arn = await moto.newKey();
    if (!arn.includes(":key/1")) return arn;
  }
}
