import assert from "node:assert/strict";
import { isAlias, isKeyName, isMultiRegion, lineageOf, parseKmsArn } from "./arn.ts";

const id = "1234abcd-12ab-34cd-56ef-1234567890ab";
const multi = "mrk-1234abcd12ab34cd56ef1234567890ab";

Deno.test("parseKmsArn() parses the ARN of a key and of an alias, in every partition", () => {
  assert.deepEqual(parseKmsArn(`arn:aws:kms:eu-central-1:111122223333:key/${id}`), {
    partition: "aws",
    region: "eu-central-1",
    account: "111122223333",
    type: "key",
    id,
  });
  const alias = parseKmsArn("arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/team/kubernetes");
  assert.deepEqual([alias?.partition, alias?.type, alias?.id], ["aws-us-gov", "alias", "team/kubernetes"]);
  assert.equal(parseKmsArn(`arn:aws-cn:kms:cn-north-1:111122223333:key/${multi}`)?.id, multi);
});

Deno.test("parseKmsArn() returns undefined for any other text", () => {
  const good = `arn:aws:kms:eu-central-1:111122223333:key/${id}`;
  const bad = [
    "",
    id,
    ` ${good}`,
    `${good}\n`,
    `${good}/x`,
    good.replace(":kms:", ":s3:"),
    good.replace("111122223333", "11112222333"),
    good.replace("eu-central-1", ""),
    good.replace("eu-central-1", "eu-central-1.evil.example/"),
    good.replace("key/", "grant/"),
    good.replace("arn:aws:", "arn:evil:"),
    `${good}#0`,
    `${good}@1`,
  ];
  for (const text of bad) assert.equal(parseKmsArn(text), undefined, text);
});

Deno.test("isKeyName() accepts ARNs, key IDs and aliases, and isAlias() identifies aliases", () => {
  const arn = `arn:aws:kms:eu-central-1:111122223333:key/${id}`;
  const fixed = [id, multi, arn];
  const moving = ["alias/kubernetes", "arn:aws:kms:eu-central-1:111122223333:alias/kubernetes"];
  for (const name of [...fixed, ...moving]) assert.ok(isKeyName(name), name);
  for (const name of ["kubernetes", "alias/", id.toUpperCase(), `${id} `, "mrk-12", ""]) {
    assert.ok(!isKeyName(name), name);
  }
  assert.deepEqual([...fixed, ...moving].map(isAlias), [false, false, false, true, true]);
});

Deno.test("lineageOf() is the same for all replicas of a multi-Region key, and differs otherwise", () => {
  const lineage = (arn: string) => lineageOf(parseKmsArn(arn) ?? assert.fail(arn));
  const [frankfurt, dublin] = ["eu-central-1", "eu-west-1"].map((region) => `arn:aws:kms:${region}:111122223333:key/`);
  assert.ok(isMultiRegion(multi) && !isMultiRegion(id));
  assert.equal(lineage(`${frankfurt}${multi}`), `arn:aws:kms:*:111122223333:key/${multi}`);
  assert.equal(lineage(`${frankfurt}${multi}`), lineage(`${dublin}${multi}`));
  assert.notEqual(lineage(`${frankfurt}${id}`), lineage(`${dublin}${id}`));
  assert.notEqual(
    lineage(`${frankfurt}${multi}`),
    lineage(`${frankfurt}${multi}`.replace("111122223333", "444455556666")),
  );
});
