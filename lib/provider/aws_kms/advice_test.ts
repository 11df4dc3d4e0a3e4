import assert from "node:assert/strict";
import { MemorySecret } from "../../../tests/support/vault_settings.ts";
import type { SecretSource } from "../../base/secret.ts";
import { awsKmsAdvice } from "./advice.ts";
import type { AwsKmsSettings } from "./settings.ts";

const arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

const machine: AwsKmsSettings = {
  kind: "aws-kms",
  name: "aws",
  key: arn,
  region: "eu-central-1",
  encryptionContext: {},
  fips: false,
  dualStack: false,
  auth: { method: "instance-metadata", metadata: "http://169.254.169.254" },
  tls: {},
};

function token(path: string): SecretSource {
  return { description: `file ${path}`, read: () => Promise.reject(new Error("not here")) };
}

const roleArn = "arn:aws:iam::111122223333:role/trousseau";
const eks = token("/var/run/secrets/eks.amazonaws.com/serviceaccount/token");
const key = new MemorySecret("AKIA1");

const cases: Readonly<Record<string, readonly [changes: Partial<AwsKmsSettings>, warnings: readonly RegExp[]]>> = {
  "the role of a machine and a key by its ARN": [{}, []],
  "a key ID": [{ key: "1234abcd-12ab-34cd-56ef-1234567890ab" }, []],
  "an alias": [{ key: "alias/kubernetes" }, [/must never be moved.*by its ARN/s]],
  "an alias's ARN": [{ key: arn.replace(/key.*/, "alias/k") }, [/must never be moved/]],
  "a token of the cluster's own API server": [
    { auth: { method: "web-identity", roleArn, sessionName: "trousseau", token: eks } },
    [/comes from an API server/],
  ],
  "a token of something else": [
    { auth: { method: "web-identity", roleArn, sessionName: "trousseau", token: token("/etc/spiffe/token") } },
    [],
  ],
  "EKS Pod Identity": [
    {
      auth: {
        method: "container",
        url: "http://169.254.170.23/v1/credentials",
        token: token("/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token"),
      },
    },
    [/comes from an API server/],
  ],
  "a task of ECS": [{ auth: { method: "container", url: "http://169.254.170.2/v2/credentials/x" } }, []],
  "an access key for ever": [
    { auth: { method: "access-key", accessKeyId: key, secretAccessKey: key } },
    [/does not expire/],
  ],
  "a temporary one": [
    { auth: { method: "access-key", accessKeyId: key, secretAccessKey: key, sessionToken: key } },
    [],
  ],
  "one that only takes on a role": [
    {
      auth: { method: "access-key", accessKeyId: key, secretAccessKey: key },
      assumeRole: { roleArn, sessionName: "trousseau" },
    },
    [],
  ],
};

for (const [what, [changes, expected]] of Object.entries(cases)) {
  Deno.test(`awsKmsAdvice() on ${what}`, () => {
    const { warnings } = awsKmsAdvice({ ...machine, ...changes });
    assert.equal(warnings.length, expected.length, warnings.join("\n"));
    expected.forEach((pattern, index) => assert.match(warnings[index] ?? "", pattern));
  });
}

Deno.test("awsKmsAdvice() names the AWS CLI's command for rotation, and a start creates nothing", async () => {
  const { rotation, pendingCreation } = awsKmsAdvice(machine);
  const command = `aws kms rotate-key-on-demand --region eu-central-1 --key-id ${arn}`;
  assert.deepEqual(rotation, { by: "command", command });
  assert.equal(await pendingCreation(), undefined);
});
