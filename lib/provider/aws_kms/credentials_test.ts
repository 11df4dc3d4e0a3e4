import assert from "node:assert/strict";
import { refusedWith } from "../../../tests/support/vault_settings.ts";
import { agentsGrant, checkedKeys, granted, packed, unpacked } from "./credentials.ts";

const keys = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "wJalr/K7MDENG+bPxRfiCY=", sessionToken: "IQoJb3Jp==" };

Deno.test("packed() and unpacked() are each other's inverse, and what is packed prints nothing", () => {
  const { sessionToken: _, ...forEver } = keys;
  for (const some of [keys, forEver]) {
    assert.deepEqual(unpacked(packed(some)), some);
    assert.equal(`${packed(some)}`, "[secret]");
  }
});

Deno.test("checkedKeys() takes credentials and nothing that would end the header they are sent in", () => {
  const check = (id: unknown, secret: unknown, token?: unknown) => checkedKeys(id, secret, token, "the file", "log in");
  assert.deepEqual(check(keys.accessKeyId, keys.secretAccessKey, keys.sessionToken), keys);
  assert.equal("sessionToken" in check(keys.accessKeyId, keys.secretAccessKey), false);
  const bad: readonly (readonly [unknown, unknown, unknown?])[] = [
    [undefined, keys.secretAccessKey],
    [keys.accessKeyId, undefined],
    ["", keys.secretAccessKey],
    [keys.accessKeyId, ""],
    [7, keys.secretAccessKey],
    [`${keys.accessKeyId}/x`, keys.secretAccessKey],
    [keys.accessKeyId, "a\nb"],
    [keys.accessKeyId, "a b"],
    [keys.accessKeyId, keys.secretAccessKey, ""],
    [keys.accessKeyId, keys.secretAccessKey, "a\r\nx-evil: 1"],
    [keys.accessKeyId, keys.secretAccessKey, null],
    [keys.accessKeyId, "x".repeat(513)],
    [keys.accessKeyId, keys.secretAccessKey, "x".repeat(16_385)],
  ];
  for (const [id, secret, token] of bad) {
    const sentence = /^Cannot log in: the file holds no AWS credentials\.$/;
    assert.throws(() => check(id, secret, token), refusedWith("unauthenticated", sentence));
  }
});

Deno.test("granted() lives until its time, and a moment where that has passed", () => {
  assert.equal(granted(keys).ttlMs, undefined);
  const { ttlMs = 0, renewable } = granted(keys, Date.now() + 3_600_000);
  assert.ok(ttlMs > 3_590_000 && ttlMs <= 3_600_000 && !renewable);
  assert.equal(granted(keys, 0).ttlMs, 60_000);
});

const agents = {
  AccessKeyId: keys.accessKeyId,
  SecretAccessKey: keys.secretAccessKey,
  Token: keys.sessionToken,
  Expiration: new Date(Date.now() + 3_600_000).toISOString(),
};

Deno.test("agentsGrant() reads what a machine's and a container's agents give", () => {
  for (const body of [agents, { Code: "Success", Type: "AWS-HMAC", ...agents }]) {
    const { token, ttlMs = 0 } = agentsGrant({ body, headers: {} }, "the metadata service", "log in");
    assert.deepEqual(unpacked(token), keys);
    assert.ok(ttlMs > 3_590_000);
  }
});

const answers: Readonly<Record<string, readonly [body: unknown, code: string, sentence: RegExp]>> = {
  "a refusal": [{ Code: "AssumeRoleUnauthorizedAccess" }, "unauthenticated", /has no credentials for this role now/],
  "nothing": [undefined, "unauthenticated", /holds no AWS credentials/],
  "a list": [[], "unauthenticated", /holds no AWS credentials/],
  "half of it": [{ ...agents, SecretAccessKey: undefined }, "unauthenticated", /holds no AWS credentials/],
  "no time": [{ ...agents, Expiration: "soon" }, "provider_protocol", /says nothing of how long they live/],
};

for (const [what, [body, code, sentence]] of Object.entries(answers)) {
  Deno.test(`agentsGrant() refuses ${what}`, () => {
    assert.throws(
      () => agentsGrant({ body, headers: {} }, "the metadata service", "log in"),
      refusedWith(code, sentence),
    );
  });
}
