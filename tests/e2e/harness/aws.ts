/**
 * The AWS KMS that the scenarios run against: moto, which holds a user to its signature and to the policy that is shipped.
 *
 * @module
 */
import { motoRegion, putPolicy, shippedPolicy, startMoto } from "../../support/moto.ts";
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

/** Starts moto, makes a key, a user and a policy of least right, and writes the user's key into the node's folder. */
export async function awsKey(node: Node): Promise<AwsKey> {
  const moto = await startMoto();
  const user = "plugin";
  const key = await moto.newKey();
  const { accessKeyId, secretAccessKey } = await moto.newUser(user, await shippedPolicy());
  await moto.enforce(true);
  const { endpoint } = moto;
  const auth = {
    method: "access-key",
    accessKeyId,
    secretAccessKey: { file: await node.write("secret-access-key", secretAccessKey) },
  };
  return {
    provider: { name: "aws", kind: "aws-kms", endpoint, ...{ key, region: motoRegion, auth } },
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
