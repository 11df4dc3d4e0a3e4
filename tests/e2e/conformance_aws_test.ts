/**
 * The conformance suite against moto, which is AWS KMS as others have written it: with every signature checked, by
 * botocore's own code, and with the rights of the policy that is shipped and no more.
 *
 * @module
 */
import { openAwsKms } from "../../lib/provider/aws_kms/provider.ts";
import type { ConformanceBench } from "../conformance/bench.ts";
import { conformance } from "../conformance/conformance.ts";
import { type Moto, motoRegion, putPolicy, shippedPolicy, startMoto } from "../support/moto.ts";
import { MemorySecret } from "../support/vault_settings.ts";

/** One test's own key and user in the moto that all of them share. */
interface Tenant extends AsyncDisposable {
  readonly moto: Moto;
  readonly user: string;
  readonly arn: string;
  readonly accessKeyId: MemorySecret;
  readonly secretAccessKey: MemorySecret;
}

/** Started before the first test and ended after the last; a test that comes without it fails. */
const shared: { moto?: Moto } = {};
Deno.test.beforeAll(async () => {
  shared.moto = await startMoto();
});
Deno.test.afterAll(async () => {
  await shared.moto?.[Symbol.asyncDispose]();
});

async function newTenant(): Promise<Tenant> {
  const { moto } = shared;
  if (moto === undefined) throw new Error("moto was not started");
  const tenant = {
    moto,
    user: `user-${crypto.randomUUID().slice(0, 8)}`,
    arn: await moto.newKey(),
    accessKeyId: new MemorySecret(undefined),
    secretAccessKey: new MemorySecret(undefined),
    [Symbol.asyncDispose]: () => moto.enforce(false),
  };
  await makeUser(tenant);
  await moto.enforce(true);
  return tenant;
}

async function makeUser({ moto, user, accessKeyId, secretAccessKey }: Tenant): Promise<void> {
  const key = await moto.newUser(user, await shippedPolicy());
  accessKeyId.value = key.accessKeyId;
  secretAccessKey.value = key.secretAccessKey;
}

async function deleteUser({ moto, user, accessKeyId }: Tenant): Promise<void> {
  await moto.query("iam", "DeleteAccessKey", { UserName: user, AccessKeyId: accessKeyId.value ?? "" });
  await moto.query("iam", "DeleteUserPolicy", { UserName: user, PolicyName: "trousseau" });
  await moto.query("iam", "DeleteUser", { UserName: user });
}

/** A fault that one call brings and another ends. */
async function until(begin: Promise<unknown>, end: () => Promise<unknown>): Promise<AsyncDisposable> {
  await begin;
  return { [Symbol.asyncDispose]: async () => void await end() };
}

/** A signal takes a moment to reach every thread; it has when moto does not answer any more. */
async function stop({ endpoint, process }: Moto): Promise<void> {
  process.signal("SIGSTOP");
  for (let answers = true; answers;) {
    const page = fetch(`${endpoint}/moto-api/`, { signal: AbortSignal.timeout(200) });
    answers = await page.then((response) => response.text()).then(() => true, () => false);
  }
}

const otherRight = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "kms:ListAliases", Resource: "*" }],
};
const onlyTheDouble = { cannot: "a sound moto does not; the double of AWS does" };

const bench: ConformanceBench<Tenant> = {
  proves: { kind: "aws-kms", engine: "moto 5.2", auth: "access-key", key: "SYMMETRIC_DEFAULT" },
  start: newTenant,
  open: ({ moto, arn, accessKeyId, secretAccessKey }) =>
    openAwsKms({
      kind: "aws-kms",
      name: "aws",
      key: arn,
      region: motoRegion,
      encryptionContext: { cluster: "prod" },
      endpoint: moto.endpoint,
      stsEndpoint: moto.endpoint,
      fips: false,
      dualStack: false,
      auth: { method: "access-key", accessKeyId, secretAccessKey },
      tls: {},
    }, { notify: () => {} }),
  rotate: { cannot: "moto notes a rotation and goes on with the key material that it has" },
  disable: { cannot: "moto goes on using a key that is disabled" },
  remove: async (tenant) => {
    // Only so does moto lose a key; the user comes again.
    await tenant.moto.reset();
    await makeUser(tenant);
  },
  recreate: { cannot: "AWS gives no key ID twice, and an alias is resolved once" },
  faults: {
    "refused login": [{
      what: "the user deleted",
      on: (tenant) => until(deleteUser(tenant), () => makeUser(tenant)),
    }],
    "withdrawn right": [{
      what: "another policy",
      on: ({ moto, user }) =>
        until(putPolicy(moto, user, otherRight), async () => await putPolicy(moto, user, await shippedPolicy())),
    }],
    "throttling": onlyTheDouble,
    "5xx": onlyTheDouble,
    "hang": [{
      what: "its process is stopped",
      on: ({ moto }) => until(stop(moto), () => Promise.resolve(moto.process.signal("SIGCONT"))),
    }],
    "half an answer": onlyTheDouble,
    "garbage answer": onlyTheDouble,
  },
};

conformance("aws-kms on moto", bench);
