/**
 * The KMS behind a plugin that is replaced: first for the other plugin, then for ours.
 *
 * @module
 */
import { type Moto, motoRegion, startMoto } from "../../support/moto.ts";
import { freePort } from "../../support/processes.ts";
import { startVault } from "../../support/vault.ts";
import { awsEntry } from "./aws.ts";
import type { Node } from "./plugin.ts";

/** How a program is run. */
export interface CommandLine {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A key that both plugins use. Disposing of it ends the server. */
export interface ForeignKms extends AsyncDisposable {
  /** What our provider is called. */
  readonly name: "vault" | "aws";
  /** The command line of the stand-in, as far as it is about the KMS. */
  readonly args: readonly string[];
  /** That of the real plugin, whole: vault-kubernetes-kms or aws-encryption-provider. */
  real(socket: string): CommandLine;
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
  const args = ["-vault-address", vault.address, "-token", vault.token, "-transit-key", key];
  return {
    name: "vault",
    args,
    real: (socket) => {
      const own = ["-socket", `unix://${socket}`, "-auth-method", "token", "-health-port", `${freePort()}`];
      return { args: [...own, ...args] };
    },
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
 * A key whose ciphertexts do not begin with the byte that aws-encryption-provider puts before them, "1": moto's begin with
 * the key's ID, AWS's with 0x01.
 */
async function unprefixedKey(moto: Moto): Promise<string> {
  for (;;) {
    const arn = await moto.newKey();
    if (!arn.includes(":key/1")) return arn;
  }
}
