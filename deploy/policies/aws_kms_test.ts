import assert from "node:assert/strict";
import { AwsDouble, homeRegion } from "../../tests/support/aws_double.ts";
import { openAws } from "../../tests/support/aws_settings.ts";
import { newDek, probe, refuses, unwrap, wrap } from "../../tests/conformance/stage.ts";
import { parseKmsArn } from "../../lib/provider/aws_kms/arn.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: string;
}

const policy: { readonly Statement: readonly Statement[] } = JSON.parse(
  await Deno.readTextFile(new URL("aws-kms.json", import.meta.url)),
);
const [statement] = policy.Statement;
const allowed = statement?.Action ?? [];

/** The actions of IAM that the double knows and a pattern allows. */
function expanded(patterns: readonly string[]): readonly string[] {
  const known = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"];
  return known.filter((action) =>
    patterns.some((one) => one.endsWith("*") ? action.startsWith(one.slice(0, -1)) : action === one)
  );
}

/** All operations of a provider: probe, wrap, unwrap, follow a rotation, and refuse an older version. */
async function live(aws: AwsDouble): Promise<void> {
  await using provider = (await openAws(aws)).provider;
  const dek = newDek();
  const state = await probe(provider);
  const wrapped = await wrap(provider, dek, state);
  aws.keys.rotate(aws.arn);
  assert.notEqual((await wrap(provider, dek, state)).version, state.version);
  for (let probes = 0; probes < 11; probes++) await probe(provider);
  aws.keys.lagging = 0;
  await refuses(provider, wrap(provider, dek, await probe(provider).then(() => newest(aws))), ["unreachable"], "older");
  assert.deepEqual(await unwrap(provider, wrapped), dek);
}

function newest(aws: AwsDouble) {
  return { version: `${aws.arn}#${aws.keys.materials(aws.arn).at(-1)}` };
}

Deno.test("aws-kms.json allows what the provider does on one key, and nothing that it does not", async () => {
  await using aws = await AwsDouble.start();
  aws.fault = { kind: "rights", actions: expanded(allowed), resources: [aws.arn] };
  await live(aws);
  const used = new Set(aws.calls.flatMap(({ actions }) => actions));
  assert.deepEqual([...used].toSorted(), expanded(allowed));
  assert.deepEqual(allowed.filter((one) => expanded([one]).length === 0), []);
});

for (const action of allowed) {
  Deno.test(`aws-kms.json: without ${action} the first probe is refused`, async () => {
    await using aws = await AwsDouble.start();
    aws.fault = { kind: "rights", actions: expanded(allowed.filter((one) => one !== action)) };
    await using provider = (await openAws(aws)).provider;
    await refuses(provider, probe(provider), ["permission_denied"], action);
  });
}

Deno.test("aws-kms.json is one statement about one key, by its ARN", async () => {
  assert.deepEqual([policy.Statement.length, statement?.Effect], [1, "Allow"]);
  assert.equal(parseKmsArn(statement?.Resource ?? "")?.type, "key");
  await using aws = await AwsDouble.start();
  aws.fault = { kind: "rights", actions: expanded(allowed), resources: [aws.arn] };
  await using provider = (await openAws(aws, { key: aws.keys.create(homeRegion) })).provider;
  await refuses(provider, probe(provider), ["permission_denied"], "another key");
});
