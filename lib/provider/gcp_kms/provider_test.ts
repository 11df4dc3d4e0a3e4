import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { GcpDouble, type GcpFault, gcpKey } from "../../../tests/support/gcp_double.ts";
import { castagnoli, detail } from "../../../tests/support/gcp_keys.ts";
import { openGcp } from "../../../tests/support/gcp_settings.ts";
import { pause, waitFor } from "../../../tests/support/processes.ts";
import { startNode } from "../../../tests/support/test_service.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { enforceContract } from "../enforced_contract.ts";
import type { Provider } from "../provider.ts";
import type { GcpKmsSettings } from "./settings.ts";

const dek = new Uint8Array(47).fill(7);
const first = `${gcpKey}/cryptoKeyVersions/1`;

async function withKms(
  work: (double: GcpDouble, provider: Provider) => Promise<void>,
  changes: Partial<GcpKmsSettings> = {},
): Promise<void> {
  await using double = await GcpDouble.start();
  await using provider = (await openGcp(double, changes)).provider;
  await work(double, provider);
}

/** The additional authenticated data of a call. */
function bound({ calls }: GcpDouble): string {
  return atob(String(calls.at(-1)?.body.additionalAuthenticatedData));
}

Deno.test("probe() is one call, and two at the first and each tenth time", () =>
  withKms(async (double, provider) => {
    assert.deepEqual(await provider.probe(patient), { version: first, order: 1 });
    assert.deepEqual(double.operations, ["encrypt", "decrypt"]);
    double.calls.length = 0;
    for (let probes = 1; probes <= 30; probes++) await provider.probe(patient);
    const calls = double.operations;
    assert.deepEqual([calls.length, calls.filter((call) => call === "encrypt").length], [33, 30]);
    // The longest login sends requests to three servers; a token is valid for an hour and is replaced after 0.63 of it
    // at the earliest.
    assert.ok(1152 * calls.length / 30 + 24 / 0.63 * 3 < 1440);
  }));

Deno.test("probe() encrypts with the key, wrap() with the announced version, and both ciphertexts can be decrypted", () =>
  withKms(async (double, provider) => {
    const before = await provider.probe(patient);
    double.keys.rotate(gcpKey);
    double.calls.length = 0;
    const after = await provider.probe(patient);
    assert.deepEqual(after, { version: `${gcpKey}/cryptoKeyVersions/2`, order: 2 });
    // A new version is verified at once, out of turn.
    assert.deepEqual(double.calls.map(({ path }) => path), [`/v1/${gcpKey}:encrypt`, `/v1/${gcpKey}:decrypt`]);
    for (const state of [before, after]) {
      double.calls.length = 0;
      const wrapped = await provider.wrap(dek, state, patient);
      assert.deepEqual(double.calls.map(({ path }) => path), [`/v1/${state.version}:encrypt`]);
      assert.equal(bound(double), state.version);
      assert.equal(wrapped.version, state.version);
      assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
      assert.deepEqual(double.calls.at(-1)?.path, `/v1/${gcpKey}:decrypt`);
      assert.equal(bound(double), state.version);
    }
  }));

Deno.test("every part of a call is sent with its checksum, in the JSON form of an int64", () =>
  withKms(async (double, provider) => {
    const wrapped = await provider.wrap(dek, { version: first }, patient);
    await provider.unwrap(wrapped, patient);
    const bytes = (text: unknown) => Uint8Array.from(atob(String(text)), (one) => one.charCodeAt(0));
    for (const [at, name] of [[0, "plaintext"], [1, "ciphertext"]] as const) {
      const body = double.calls[at]?.body ?? {};
      const parts = [name, "additionalAuthenticatedData"];
      assert.deepEqual(Object.keys(body).toSorted(), parts.flatMap((part) => [part, `${part}Crc32c`]).toSorted());
      for (const part of parts) assert.equal(body[`${part}Crc32c`], `${castagnoli(bytes(body[part]))}`);
    }
  }));

/** Possible changes of an answer in transit, and the error messages. */
const changes: readonly (readonly [what: string, change: Record<string, unknown>, sentence: RegExp])[] = [
  ["a plaintext's checksum that was not looked at", { verifiedPlaintextCrc32c: undefined }, /does not confirm/],
  ["a plaintext's checksum that did not hold", { verifiedPlaintextCrc32c: false }, /does not confirm/],
  ["a flag that is a text", { verifiedPlaintextCrc32c: "true" }, /does not confirm/],
  ["additional data that was not looked at", { verifiedAdditionalAuthenticatedDataCrc32c: undefined }, /not confirm/],
  ["another ciphertext", { ciphertext: "AAAA" }, /checksum of the ciphertext in Cloud KMS's answer does not hold/],
  ["another checksum", { ciphertextCrc32c: "7" }, /does not hold/],
  ["a checksum that is none", { ciphertextCrc32c: null }, /does not hold/],
  ["a checksum with white space", { ciphertextCrc32c: " 7 " }, /does not hold/],
  ["no checksum", { ciphertextCrc32c: undefined }, /does not hold/],
  ["no ciphertext", { ciphertext: undefined }, /holds no ciphertext/],
  ["base64url in place of base64", { ciphertext: "_-8" }, /holds no ciphertext/],
  ["no name", { name: undefined }, /not of a version of this key/],
  ["the key's name", { name: gcpKey }, /not of a version of this key/],
  ["another key's name", { name: `${gcpKey}2/cryptoKeyVersions/1` }, /not of a version of this key/],
];

for (const [what, change, sentence] of changes) {
  Deno.test(`probe() and wrap() reject an answer with ${what}`, () =>
    withKms(async (double, provider) => {
      const state = await provider.probe(patient);
      double.fault = { kind: "changed", change: (body) => ({ ...body, ...change }) };
      await assert.rejects(provider.probe(patient), refusedWith("provider_protocol", sentence));
      await assert.rejects(provider.wrap(dek, state, patient), refusedWith("provider_protocol", sentence));
    }));
}

Deno.test("wrap() rejects an answer of another version than requested, and more bytes than an envelope can contain", () =>
  withKms(async (double, provider) => {
    const state = await provider.probe(patient);
    double.keys.addVersion(gcpKey);
    double.fault = { kind: "changed", change: (body) => ({ ...body, name: `${gcpKey}/cryptoKeyVersions/2` }) };
    await assert.rejects(provider.wrap(dek, state, patient), refusedWith("provider_protocol", /another version/));
    const long = new Uint8Array(4098);
    double.fault = {
      kind: "changed",
      change: (body) => ({ ...body, ciphertext: long.toBase64(), ciphertextCrc32c: castagnoli(long) }),
    };
    await assert.rejects(provider.wrap(dek, state, patient), refusedWith("provider_protocol", /more than 4096/));
  }));

Deno.test("unwrap() rejects a plaintext whose checksum differs, and one that is no data key", () =>
  withKms(async (double, provider) => {
    const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
    for (const change of [{ plaintext: "AAAA" }, { plaintextCrc32c: undefined }, { plaintext: undefined }]) {
      double.fault = { kind: "changed", change: (body) => ({ ...body, ...change }) };
      await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("provider_protocol", /plaintext/));
    }
    const long = new Uint8Array(65);
    double.fault = {
      kind: "changed",
      change: (body) => ({ ...body, plaintext: long.toBase64(), plaintextCrc32c: castagnoli(long) }),
    };
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("integrity", /is no data key/));
  }));

Deno.test("a checksum can be a number in an answer, as ProtoJSON permits", () =>
  withKms(async (double, provider) => {
    double.fault = {
      kind: "changed",
      change: (body) =>
        Object.fromEntries(
          Object.entries(body).map((
            [name, value],
          ) => [name, name.endsWith("Crc32c") && value !== true ? Number(value) : value]),
        ),
    };
    const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
    assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
  }));

Deno.test("probe() detects a KMS that does not decrypt to what it encrypted", () =>
  withKms(async (double, provider) => {
    double.fault = {
      kind: "changed",
      change: (body) =>
        body.plaintext === undefined
          ? body
          : { ...body, plaintext: "b3RoZXI=", plaintextCrc32c: castagnoli(new TextEncoder().encode("other")) },
    };
    await assert.rejects(provider.probe(patient), refusedWith("provider_protocol", /something else than it had/));
  }));

Deno.test("a wrapped key is bound to the additional authenticated data and to the version", async () => {
  await using double = await GcpDouble.start();
  await using one = (await openGcp(double, { context: "cluster-a" })).provider;
  await using other = (await openGcp(double, { context: "cluster-b" })).provider;
  await using none = (await openGcp(double)).provider;
  const wrapped = await one.wrap(dek, await one.probe(patient), patient);
  assert.deepEqual(await one.unwrap(wrapped, patient), dek);
  for (const provider of [other, none]) {
    await assert.rejects(
      provider.unwrap(wrapped, patient),
      refusedWith("integrity", /not wrapped by this key version/),
    );
  }
  double.keys.rotate(gcpKey);
  const renamed = { ...wrapped, version: `${gcpKey}/cryptoKeyVersions/2` };
  await assert.rejects(one.unwrap(renamed, patient), refusedWith("integrity"));
});

Deno.test("no request is sent for a version of another key", () =>
  withKms(async (double, provider) => {
    await provider.probe(patient);
    double.calls.length = 0;
    const foreign = { version: `${gcpKey}2/cryptoKeyVersions/1`, ciphertext: dek };
    await assert.rejects(provider.unwrap(foreign, patient), refusedWith("key_unknown", /is not this key's/));
    await assert.rejects(provider.wrap(dek, foreign, patient), refusedWith("internal"));
    assert.deepEqual(double.calls, []);
  }));

Deno.test("a disabled primary version fails a probe, and not the data keys of an older one", () =>
  withKms(async (double, provider) => {
    const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
    double.keys.rotate(gcpKey);
    double.keys.setState(gcpKey, "DESTROY_SCHEDULED");
    await assert.rejects(provider.probe(patient), refusedWith("key_unusable", /scheduled for destruction/));
    assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
    double.keys.setState(gcpKey, "PENDING_GENERATION");
    await assert.rejects(provider.probe(patient), refusedWith("unreachable", /still being made/));
  }));

Deno.test("a key for another purpose is key_unusable", () =>
  withKms(async (double, provider) => {
    double.keys.create(`${gcpKey}-sign`, "ASYMMETRIC_SIGN");
    await using other = (await openGcp(double, { key: `${gcpKey}-sign` })).provider;
    await assert.rejects(other.probe(patient), refusedWith("key_unusable", /ENCRYPT_DECRYPT/));
    await provider.probe(patient);
  }));

Deno.test("each call contains the quota project, if one is configured", async () => {
  await using double = await GcpDouble.start();
  for (const [changes, expected] of [[{}, undefined], [{ quotaProject: "billing" }, "billing"]] as const) {
    await using provider = (await openGcp(double, changes)).provider;
    await provider.probe(patient);
    assert.equal(double.calls.at(-1)?.quotaProject, expected);
  }
});

Deno.test("a key behind TLS is used if its certificate is trusted, and not otherwise", async () => {
  await using double = await GcpDouble.start(true);
  await using provider = (await openGcp(double)).provider;
  assert.equal((await provider.probe(patient)).version, first);
  await using stranger = (await openGcp(double, { tls: {} })).provider;
  await assert.rejects(stranger.probe(patient), refusedWith("unreachable", /a certificate that/));
});

const refusals: readonly (readonly [fault: Extract<GcpFault, { kind: "status" }>, code: string, sentence: RegExp])[] = [
  [{ kind: "status", status: 429, name: "RESOURCE_EXHAUSTED", retryAfter: "7" }, "throttled", /too many requests/],
  [
    {
      kind: "status",
      status: 429,
      name: "RESOURCE_EXHAUSTED",
      details: [detail("RetryInfo", { retryDelay: "7s" })],
    },
    "throttled",
    /too many requests/,
  ],
  [
    {
      kind: "status",
      status: 403,
      name: "PERMISSION_DENIED",
      details: [detail("ErrorInfo", { reason: "SERVICE_DISABLED" })],
    },
    "permission_denied",
    /the API is not enabled/,
  ],
  [{ kind: "status", status: 418, name: "TEAPOT" }, "provider_protocol", /that Trousseau does not know/],
];

for (const [fault, code, sentence] of refusals) {
  Deno.test(`probe() maps ${fault.status} ${JSON.stringify(fault.details ?? fault.name)} to ${code}`, () =>
    withKms(async (double, provider) => {
      await provider.probe(patient);
      double.fault = fault;
      const error = await provider.probe(patient).catch((thrown) => thrown);
      assert.ok(refusedWith(code, sentence)(error));
      assert.ok(!error.message.includes("a text that nobody repeats"));
      if (code === "throttled") assert.equal(error.retryAfterMs, 7000);
    }));
}

Deno.test("a call waits for a slow KMS until its deadline", () =>
  withKms(async (double, provider) => {
    await provider.probe(patient);
    double.fault = { kind: "slow", ms: 60 };
    await provider.probe(patient);
    await assert.rejects(provider.probe(within(20)), refusedWith("deadline_exceeded"));
  }));

Deno.test("concurrent calls log in once, and once more when their token is refused", () =>
  withKms(async (double, provider) => {
    const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
    assert.equal(double.logins.logins, 1);
    double.logins.revoke();
    await Promise.all(Array.from({ length: 40 }, () => provider.unwrap(wrapped, patient)));
    assert.equal(double.logins.logins, 2);
    // A token that has worked before is replaced by a new login at once.
    double.logins.revoke();
    await provider.unwrap(wrapped, patient);
    assert.equal(double.logins.logins, 3);
    // A fresh token that is refused as well does not cause another login.
    double.fault = { kind: "status", status: 401, name: "UNAUTHENTICATED" };
    for (let tries = 0; tries < 5; tries++) {
      await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("unauthenticated", /401/));
    }
    assert.equal(double.logins.logins, 4);
  }));

Deno.test("a token is replaced before it expires, without a failed call", async () => {
  await using double = await GcpDouble.start();
  const clock = new FakeClock();
  const { provider, events } = await openGcp(double, {}, clock);
  await using _provider = provider;
  await provider.probe(patient);
  const lifetime = 1000 * double.logins.lifetime;
  const due = clock.untilNext();
  assert.ok(due > 0.62 * lifetime && due < 0.78 * lifetime);
  await clock.advance(due);
  await waitFor("another login", () => double.logins.logins === 2, { timeoutMs: 20_000, everyMs: 5 });
  const ends = () => events.flatMap((event) => event.type === "token_lifetime" ? [event.expiresAt] : []);
  await waitFor("the new token", () => ends().length === 2, { timeoutMs: 20_000, everyMs: 5 });
  const [first = NaN, second = NaN] = ends();
  assert.ok(Math.abs(second - first - due) < 1);
  await provider[Symbol.asyncDispose]();
  await clock.advance(lifetime);
  assert.equal(double.logins.logins, 2);
});

Deno.test("a rotation changes the key ID once, and data sealed before it can still be decrypted", () =>
  withKms(async (double, provider) => {
    await using node = await startNode([enforceContract(provider, { notify: () => {} })]);
    const seed = new Uint8Array(32).fill(1);
    /** Advances time in steps in which the double can answer. */
    const live = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await node.clock.advance(1000);
        await pause(4);
      }
    };
    await waitFor("a key ID", async () => {
      await live(1);
      return node.service.status().keyId;
    }, { timeoutMs: 10_000, everyMs: 1 });
    const old = node.service.encrypt(seed, "v2");
    double.keys.rotate(gcpKey);
    await live(180);
    const fresh = node.service.encrypt(seed, "v2");
    assert.notEqual(fresh.keyId, old.keyId);
    // Back to the previous version: a replaced version is never announced again.
    double.keys.setPrimary(gcpKey, 1);
    await live(300);
    assert.equal(node.service.status().keyId, fresh.keyId);
    assert.equal(node.events.filter(({ type }) => type === "key_id").length, 2);
    for (const sealed of [old, fresh]) {
      assert.deepEqual((await node.service.decrypt(sealed, "v2", patient)).plaintext, seed);
    }
  }));
