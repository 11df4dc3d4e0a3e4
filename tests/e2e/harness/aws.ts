/**
 * The AWS KMS that the scenarios run against: moto, which holds a user to its signature and to the policy that is shipped.
 *
 * @module
 */
import { type Moto, motoRegion, putPolicy, shippedPolicy, startMoto } from "../../support/moto.ts";
import type { Node } from "./plugin.ts";

/** A key, and all that one plugin needs to use it. Disposing of it ends the server. */
export interface AwsKey extends AsyncDisposable {
  /** The entry of `providers`; it calls `endpoint`. */
  readonly provider: { readonly name: string; readonly kind: string; readonly endpoint: string };
  /** Takes the rights away from the plugin's user. */
  withdraw(): Promise<void>;
  /** Gives them back. */
  grant(): Promise<void>;
}

const user = "plugin";

/** Makes a user with a policy of least right, writes its key into the node's folder, and has moto hold it to that. */
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

/** Rights that are of no use here. */
const elsewhere = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "kms:ListAliases", Resource: "*" }],
};
