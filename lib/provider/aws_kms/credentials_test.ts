import assert from "node:assert/strict";
import { refusedWith } from "../../../tests/support/vault_settings.ts";
import { agentsGrant, AwsKeys, checkedKeys, granted } from "./credentials.ts";

const keys = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "wJalr/K7MDENG+bPxRfiCY=", sessionToken: "IQoJb3Jp==" };

Deno.test("AwsKeys reveals its parts, and prints no secret one", () => {
  const { sessionToken: _, ...forEver } = keys;
  for (const some of [keys, forEver]) {
    const held = new AwsKeys(some);
    assert.deepEqual(held.reveal(), some);
    const printed = `${Deno.inspect(held, { showHidden: true, depth: 9 })}${JSON.stringify(held)}${held}`;
    assert.ok(!printed.includes(some.secretAccessKey) && !printed.includes(keys.sessionToken), printed);
  }
});

Deno.test("AwsKeys.equals() compares every part", () => {
  const held = new AwsKeys(keys);
  assert.ok(held.equals(new AwsKeys({ ...keys })));
  const { sessionToken: _, ...forEver } = keys;
  const others = [
    { ...keys, accessKeyId: "AKIAOTHER" },
    { ...keys, secretAccessKey: "other" },
    { ...keys, sessionToken: "other" },
    forEver,
  ];
  for (const other of others) assert.ok(!held.equals(new AwsKeys(other)) && !new AwsKeys(other).equals(held));
  assert.ok(!held.equals(undefined));
});

Deno.test("checkedKeys() accepts credentials and no characters that would end the header they are sent in", () => {
  const check = (id: unknown, secret: unknown, token?: unknown) => checkedKeys(id, secret, token, "the file", "log in");
  assert.deepEqual(check(keys.accessKeyId, keys.secretAccessKey, keys.sessionToken).reveal(), keys);
  assert.equal("sessionToken" in check(keys.accessKeyId, keys.secretAccessKey).reveal(), false);
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

Deno.test("granted() is valid until its time, and for a moment if that has passed", () => {
  assert.equal(granted(new AwsKeys(keys)).ttlMs, undefined);
  const { ttlMs = 0, renewable } = granted(new AwsKeys(keys), Date.now() + 3_600_000);
  assert.ok(ttlMs > 3_590_000 && ttlMs <= 3_600_000 && !renewable);
  assert.equal(granted(new AwsKeys(keys), 0).ttlMs, 60_000);
});

const agents = {
  AccessKeyId: keys.accessKeyId,
  SecretAccessKey: keys.secretAccessKey,
  Token: keys.sessionToken,
  Expiration: new Date(Date.now() + 3_600_000).toISOString(),
};

Deno.test("agentsGrant() reads the responses of a machine's and a container's agents", () => {
  for (const body of [agents, { Code: "Success", Type: "AWS-HMAC", ...agents }]) {
    const { token, ttlMs = 0 } = agentsGrant({ body, headers: {} }, "the metadata service", "log in");
    assert.deepEqual(token.reveal(), keys);
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
