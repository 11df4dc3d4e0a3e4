import assert from "node:assert/strict";
import {
  answeredVersion,
  isKeyName,
  isNumberedKeyName,
  pathOf,
  versionDigits,
  versionName,
  versionOf,
} from "./names.ts";

const key = "projects/my-project/locations/europe-west3/keyRings/kubernetes/cryptoKeys/prod";

Deno.test("isKeyName() accepts a key with its project's ID, and nothing more or less", () => {
  for (
    const name of [key, key.replace("my-project", "example.com:my-project"), key.replace("my-project", "s3ns:abcdef")]
  ) {
    assert.ok(isKeyName(name), name);
  }
  const wrong = [
    "",
    "kubernetes",
    `/${key}`,
    `${key}/`,
    `${key}/cryptoKeyVersions/1`,
    `//cloudkms.googleapis.com/${key}`,
    key.replace("my-project", "123456789"),
    key.replace("my-project", "short"),
    key.replace("my-project", "My-Project"),
    key.replace("prod", "a b"),
    key.replace("prod", "a?b"),
    key.replace("prod", ""),
    key.replace("prod", "x".repeat(64)),
    key.replace("europe-west3", "../.."),
    key.replace("cryptoKeys", "cryptokeys"),
    `${key}\n`,
  ];
  for (const name of wrong) assert.ok(!isKeyName(name), name);
  assert.ok(isNumberedKeyName(key.replace("my-project", "123456789")) && !isNumberedKeyName(key));
});

Deno.test("versionOf() reads the output of versionName(), for this key only", () => {
  assert.equal(versionName(key, 7), `${key}/cryptoKeyVersions/7`);
  assert.equal(versionOf(key, versionName(key, 7)), 7);
  const foreign = [
    "",
    key,
    versionName(`${key}2`, 7),
    versionName(key.replace("my-project", "123456789"), 7),
    `${key}/cryptoKeyVersions/0`,
    `${key}/cryptoKeyVersions/07`,
    `${key}/cryptoKeyVersions/7/`,
    `${key}/cryptoKeyVersions/12345678901`,
    `${key}/cryptoKeyVersions/1/cryptoKeyVersions/1`,
    `x${versionName(key, 7)}`,
    `${versionName(key, 7)}\n`,
  ];
  for (const name of foreign) assert.equal(versionOf(key, name), undefined, name);
});

Deno.test("answeredVersion() accepts the project's number instead of its ID, and no other difference", () => {
  assert.equal(answeredVersion(key, versionName(key, 3)), 3);
  assert.equal(answeredVersion(key, versionName(key.replace("my-project", "123456789"), 3)), 3);
  for (const name of [undefined, 7, key, versionName(key.replace("my-project", "other-project"), 3)]) {
    assert.equal(answeredVersion(key, name), undefined);
  }
  assert.equal(answeredVersion(key, versionName(key.replace("prod", "dev"), 3)), undefined);
});

Deno.test("pathOf() keeps slashes and encodes the rest", () => {
  assert.equal(pathOf("projects/example.com:a/b"), "projects/example.com%3Aa/b");
});

Deno.test("versionDigits is the maximum number of digits for versionOf()", () => {
  const longest = 10 ** versionDigits - 1;
  assert.deepEqual([versionOf(key, versionName(key, longest)), versionOf(key, versionName(key, longest + 1))], [
    longest,
    undefined,
  ]);
});
