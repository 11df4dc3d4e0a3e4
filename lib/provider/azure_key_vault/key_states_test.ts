import assert from "node:assert/strict";
import { openAzure } from "../../../tests/support/azure_settings.ts";
import { KeyVaultDouble, type VaultFault } from "../../../tests/support/key_vault_double.ts";
import { patient, refusedWith } from "../../../tests/support/vault_settings.ts";
import { dek, key, tokenRequests, withVault } from "../../../tests/support/azure_provider.ts";

Deno.test("a pinned version always wraps, and a rotation is not followed", async () => {
  await using double = await KeyVaultDouble.start();
  const pinned = double.keys.kid(key);
  const version = pinned.split("/").at(-1) ?? "";
  await using provider = (await openAzure(double, { version })).provider;
  double.advance(1);
  await double.keys.create(key);
  assert.equal((await provider.probe(patient)).version, pinned);
  assert.deepEqual(tokenRequests(double), ["GET", "wrapkey pinned", "unwrapkey pinned"]);
  await using gone = (await openAzure(double, { version: "0".repeat(32) })).provider;
  await assert.rejects(gone.probe(patient), refusedWith("key_unknown", /no such key or version/));
});

Deno.test("a version that is disabled, expired or not valid yet does not wrap, and the error says why", async () => {
  const day = 86_400;
  const now = Math.floor(Date.now() / 1000);
  const cases = [
    [{ enabled: false }, /the key version is disabled/, false],
    [{ exp: now - day }, /403 \(the key version has expired\)/, true],
    [{ nbf: now + day }, /403 \(the key version is not valid yet\)/, true],
  ] as const;
  for (const [attributes, sentence, opens] of cases) {
    await withVault(async (double, provider) => {
      const state = await provider.probe(patient);
      const wrapped = await provider.wrap(dek, state, patient);
      double.keys.change(key, attributes);
      await assert.rejects(provider.probe(patient), refusedWith("key_unusable", sentence));
      await assert.rejects(provider.wrap(dek, state, patient), refusedWith("key_unusable", sentence));
      if (opens) assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
      else await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("key_unusable", sentence));
    });
  }
});

Deno.test("a version that cannot be used is key_unusable, even if the answer contains few details", async () => {
  const day = 86_400;
  const now = Math.floor(Date.now() / 1000);
  const cases = [
    [{ enabled: false }, /403 \(the key version is disabled\)/],
    [{ exp: now - day }, /403 \(the key version has expired\)/],
    [{ nbf: now + day }, /403 \(the key version is not valid yet\)/],
  ] as const;
  for (const reasons of ["code", "text", "none"] as const) {
    for (const readsDisabled of reasons === "none" ? [true] : [true, false]) {
      for (const [attributes, sentence] of cases) {
        await withVault(async (double, provider) => {
          Object.assign(double.keys, { reasons, readsDisabled });
          const state = await provider.probe(patient);
          const wrapped = await provider.wrap(dek, state, patient);
          double.keys.change(key, attributes);
          await assert.rejects(provider.probe(patient), refusedWith("key_unusable", sentence));
          if ("enabled" in attributes) {
            await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("key_unusable", sentence));
            const [remark] = await provider.remarks?.([state.version], patient) ?? [];
            assert.match(remark ?? "", /it is disabled/);
          }
          // A plugin that starts in this state has the same message.
          await using second = (await openAzure(double)).provider;
          await assert.rejects(second.probe(patient), refusedWith("key_unusable", sentence));
        });
      }
    }
  }
});

Deno.test("a login that may not wrap is permission_denied, though the newest version is enabled", () =>
  withVault(async (double, provider) => {
    await provider.probe(patient);
    double.fault = { kind: "status", status: 403, code: "Forbidden" };
    await assert.rejects(provider.probe(patient), refusedWith("permission_denied", /may not do this with this key/));
  }));

Deno.test("no request has an empty segment in its path: a vault behind a gateway that merges slashes works", () =>
  withVault(async (double, provider) => {
    double.mergesSlashes = true;
    const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
    assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
    await provider.remarks?.([wrapped.version], patient);
    assert.deepEqual(double.requests.map(({ path }) => path).filter((path) => path.includes("//")), []);
  }));

Deno.test("a key that cannot wrap at all is key_unusable", async () => {
  await using double = await KeyVaultDouble.start();
  await double.keys.create("elliptic", "EC");
  await double.keys.create("signing", "RSA", ["sign", "verify"]);
  await using elliptic = (await openAzure(double, { key: "elliptic" })).provider;
  await assert.rejects(elliptic.probe(patient), refusedWith("key_unusable", /type cannot wrap/));
  await using signing = (await openAzure(double, { key: "signing" })).provider;
  await assert.rejects(signing.probe(patient), refusedWith("key_unusable", /permitted operations lack wrapKey/));
});

Deno.test("a key of another type under the same name is found, and wraps with its own algorithm", () =>
  withVault(async (double, provider) => {
    const rsa = await provider.wrap(dek, await provider.probe(patient), patient);
    double.advance(1);
    await double.keys.create(key, "oct-HSM");
    await assert.rejects(provider.probe(patient), refusedWith("key_unusable", /cannot wrap with that algorithm/));
    const state = await provider.probe(patient);
    const aes = await provider.wrap(dek, state, patient);
    assert.deepEqual([rsa.ciphertext.length, aes.ciphertext.length], [256, 72]);
    for (const wrapped of [rsa, aes]) assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
  }));

Deno.test("a soft-deleted key is key_unknown, and works again when it is recovered", () =>
  withVault(async (double, provider) => {
    const state = await provider.probe(patient);
    double.keys.delete(key);
    await assert.rejects(provider.probe(patient), refusedWith("key_unknown"));
    await double.keys.create(key);
    assert.notEqual((await provider.probe(patient)).version, state.version);
  }));

const refusals: readonly (readonly [fault: Extract<VaultFault, { kind: "status" }>, code: string, sentence: RegExp])[] =
  [
    [{ kind: "status", status: 429, code: "Throttled", retryAfter: "7" }, "throttled", /429 \(too many requests\)/],
    [{ kind: "status", status: 409, code: "ObjectIsDeletedButRecoverable" }, "key_unknown", /can be recovered/],
    [{ kind: "status", status: 400, code: "BadParameter" }, "key_unusable", /400 \(this kind of key/],
    [
      { kind: "status", status: 418, code: "Teapot" },
      "provider_protocol",
      /418 \(for a reason that Trousseau does not know/,
    ],
    [{ kind: "status", status: 599, code: "constructor" }, "unreachable", /599 \(an error of its own/],
  ];

for (const [fault, code, sentence] of refusals) {
  Deno.test(`probe() maps ${fault.status} ${fault.code} to ${code}`, () =>
    withVault(async (double, provider) => {
      await provider.probe(patient);
      double.fault = fault;
      const error = await provider.probe(patient).catch((thrown) => thrown);
      assert.ok(refusedWith(code, sentence)(error));
      assert.ok(!error.message.includes("a text that nobody repeats"));
      if (fault.retryAfter !== undefined) assert.equal(error.retryAfterMs, 7000);
    }));
}
