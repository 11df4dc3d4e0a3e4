/**
 * The AWS KMS of the scenarios: moto, which checks the signature of a user and its rights by the shipped policy.
 *
 * @module
 */
import { type Moto, motoRegion, putPolicy, shippedPolicy, startMoto } from "../../support/moto.ts";
import type { Node } from "./plugin.ts";

/** A key and the settings of one plugin for it. Disposing of it ends the server. */
export interface AwsKey extends AsyncDisposable {
  /** The entry of `providers`; it calls `endpoint`. */
  readonly provider: { readonly name: string; readonly kind: string; readonly endpoint: string };
  /** Takes the rights away from the plugin's user. */
  withdraw(): Promise<void>;
  /** Gives them back. */
  grant(): Promise<void>;
}

const user = "plugin";

/** Makes a user with the minimal policy, writes its key to the node's folder, and enables moto's checks. */
export async function awsEntry(moto: Moto, key: string, node: Node): Promise<AwsKey["provider"]> {
  const { accessKeyId, secretAccessKey } = await moto.newUser(user, await shippedPolicy());
  await moto.enforce(true);
  const { endpoint } = moto;
  const file = await node.write("secret-access-key", secretAccessKey);
  const auth = { method: "access-key", accessKeyId, secretAccessKey: { file } };
  return { name: "aws", kind: "aws-kms", endpoint, ...{ key, region: motoRegion, auth } };
}

/** Starts moto and makes a key and a user. */
export async function awsKey(node: Node): Promise<AwsKey> {
  const moto = await startMoto();
  return {
    provider: await awsEntry(moto, await moto.newKey(), node),
    withdraw: () => putPolicy(moto, user, elsewhere),
    grant: async () => await putPolicy(moto, user, await shippedPolicy()),
    [Symbol.asyncDispose]: () => moto[Symbol.asyncDispose](),
  };
}

/** A policy without rights to the key. */
const elsewhere = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "kms:ListAliases", Resource: "*" }],
};
