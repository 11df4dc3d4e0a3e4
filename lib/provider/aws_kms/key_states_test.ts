import assert from "node:assert/strict";
import { AwsDouble, homeRegion } from "../../../tests/support/aws_double.ts";
import { openAws } from "../../../tests/support/aws_settings.ts";
import { patient, refusedWith } from "../../../tests/support/vault_settings.ts";
import { dek, withAws } from "../../../tests/support/aws_provider.ts";

Deno.test("an alias that was moved while the plugin was stopped decrypts nothing old, and the error says why", async () => {
  await using double = await AwsDouble.start();
  const { provider: before } = await openAws(double, { key: "alias/kubernetes" });
  const wrapped = await before.wrap(dek, await before.probe(patient), patient);
  await before[Symbol.asyncDispose]();
  double.keys.alias("alias/kubernetes", double.keys.create(homeRegion));
  await using after = (await openAws(double, { key: "alias/kubernetes" })).provider;
  const sentence = /an alias must not be moved to another key/;
  await assert.rejects(after.unwrap(wrapped, patient), refusedWith("key_unknown", sentence));
});

Deno.test("unwrap() distinguishes a missing permission from bytes that name another key", () =>
  withAws(async (double, provider) => {
    const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
    const operate = double.keys.operate.bind(double.keys);
    // The response of KMS if the bytes name a nonexistent key.
    double.keys.operate = (operation, region, input) =>
      operation === "Decrypt" && input.CiphertextBlob === "AAAA"
        ? { status: 400, body: { __type: "AccessDeniedException" } }
        : operate(operation, region, input);
    const bad = { version: wrapped.version, ciphertext: new Uint8Array(3) };
    await assert.rejects(provider.unwrap(bad, patient), refusedWith("integrity", /not wrapped by this key/));
    double.fault = { kind: "rights", actions: [] };
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("permission_denied"));
  }));

const states: readonly (readonly [changes: { state?: string; spec?: string }, sentence: RegExp])[] = [
  [{ state: "Disabled" }, /the key is disabled, pending deletion/],
  [{ state: "PendingDeletion" }, /the key is disabled, pending deletion/],
  [{ state: "PendingImport" }, /in another state of no use/],
  [{ state: "Unavailable" }, /in another state of no use/],
  [{ spec: "RSA_2048" }, /is not a symmetric one for encrypting and decrypting/],
  [{ spec: "HMAC_256" }, /is not a symmetric one/],
];

for (const [changes, sentence] of states) {
  Deno.test(`a key that is ${changes.state ?? changes.spec} is key_unusable from the first probe on`, () =>
    withAws(async (double, provider) => {
      double.keys.change(double.arn, changes);
      await assert.rejects(provider.probe(patient), refusedWith("key_unusable", sentence));
    }));
}

Deno.test("a key that is disabled and enabled again works again, with the version that it had", () =>
  withAws(async (double, provider) => {
    const state = await provider.probe(patient);
    double.keys.change(double.arn, { state: "Disabled" });
    await assert.rejects(
      provider.probe(patient),
      refusedWith("key_unusable", /DisabledException \(the key is disabled\)/),
    );
    double.keys.change(double.arn, { state: "PendingDeletion" });
    await assert.rejects(provider.probe(patient), refusedWith("key_unusable", /KMSInvalidStateException/));
    double.keys.change(double.arn, { state: "Enabled" });
    assert.deepEqual(await provider.probe(patient), state);
  }));

Deno.test("a multi-Region key has one version in all Regions, and each replica unwraps data keys of another", async () => {
  await using double = await AwsDouble.start();
  const primary = double.keys.create(homeRegion, { multiRegion: true });
  const replica = double.keys.replicate(primary, "eu-west-1");
  await using here = (await openAws(double, { key: primary })).provider;
  await using there = (await openAws(double, { key: replica, region: "eu-west-1" })).provider;
  const [one, other] = [await here.probe(patient), await there.probe(patient)];
  assert.deepEqual(one, other);
  assert.match(one.version, /^arn:aws:kms:\*:111122223333:key\/mrk-/);
  const wrapped = await here.wrap(dek, one, patient);
  double.calls.length = 0;
  assert.deepEqual(await there.unwrap(wrapped, patient), dek);
  assert.deepEqual(double.calls.map(({ region, input }) => [region, input.KeyId]), [["eu-west-1", replica]]);
  await using single = (await openAws(double)).provider;
  await assert.rejects(single.unwrap(wrapped, patient), refusedWith("key_unknown"));
});

Deno.test("a KMS that does not name its key material has versions by the key's creation time", async () => {
  await withAws(async (double, provider) => {
    double.keys.namesMaterial = false;
    const state = await provider.probe(patient);
    assert.match(state.version, new RegExp(`^${double.arn}@[0-9]{10}$`));
    double.calls.length = 0;
    const wrapped = await provider.wrap(dek, state, patient);
    assert.deepEqual(double.operations, ["Encrypt"]);
    assert.equal(wrapped.version, state.version);
    assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
    const [lineage, seconds] = state.version.split("@");
    const remade = { version: `${lineage}@${Number(seconds) - 60}`, ciphertext: wrapped.ciphertext };
    await assert.rejects(provider.unwrap(remade, patient), refusedWith("key_unknown"));
  });
});
