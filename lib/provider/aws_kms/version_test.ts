import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";
import { parseVersion, versionName } from "./version.ts";

const lineage = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const material = "0b7fd7ddbac6eef27907413567cad8c810e2883dc8a7534067a82ee1142fc1e6";

Deno.test("versionName() and parseVersion() are each other's inverse in all three forms", () => {
  for (const version of [{ material }, { createdAt: 1_700_000_000 }, { createdAt: 0 }, {}]) {
    const whole = { lineage, material: undefined, createdAt: undefined, ...version };
    assert.deepEqual(parseVersion(versionName(whole)), whole);
  }
  assert.equal(versionName({ lineage, material }), `${lineage}#${material}`);
  assert.equal(versionName({ lineage, createdAt: 17 }), `${lineage}@17`);
});

Deno.test("parseVersion() returns undefined for any other text, and never throws", () => {
  for (const name of ["", "#", `#${material}`, `${lineage}#`, `${lineage}@`, `${lineage}@-1`, `${lineage}#a@1`]) {
    assert.equal(parseVersion(name), undefined, name);
  }
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (name) => {
    const version = parseVersion(name);
    if (version !== undefined) assert.equal(parseVersion(versionName(version))?.lineage, version.lineage);
  }));
});

Deno.test("versionName() fits a version's limit with the longest names that AWS gives", () => {
  const longest = "arn:aws-iso-b:kms:us-isob-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
  assert.ok(utf8(versionName({ lineage: longest, material })).length <= providerLimits.version);
});
