import assert from "node:assert/strict";
import { base64url, fromBase64url, utf8 } from "../../base/bytes.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { openAzure, secretAuth } from "../../../tests/support/azure_settings.ts";
import { KeyVaultDouble, type SeenRequest, type VaultFault } from "../../../tests/support/key_vault_double.ts";
import { pause, waitFor } from "../../../tests/support/processes.ts";
import { startNode } from "../../../tests/support/test_service.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { enforceContract } from "../enforced_contract.ts";
import type { Provider } from "../provider.ts";

const dek = new Uint8Array(47).fill(7);
const key = "kubernetes";

async function withVault(work: (double: KeyVaultDouble, provider: Provider) => Promise<void>): Promise<void> {
  await using double = await KeyVaultDouble.start();
  await using provider = (await openAzure(double)).provider;
  await work(double, provider);
}

/** The requests with a token: `GET`, or the operation and its version. */
function asked({ requests }: KeyVaultDouble): readonly string[] {
  return requests.filter(({ token }) => token !== undefined).map(({ method, path }: SeenRequest) => {
    const [, , , ...rest] = path.split("/");
    return method === "GET" ? "GET" : `${rest.at(-1)}${rest.length === 1 ? "" : " pinned"}`;
  });
}

Deno.test("probe() is one call, and two at each tenth time", () =>
  withVault(async (double, provider) => {
    await provider.probe(patient);
    assert.deepEqual(asked(double), ["GET", "wrapkey", "unwrapkey pinned"]);
    double.requests.length = 0;
    for (let probes = 1; probes <= 30; probes++) await provider.probe(patient);
    const calls = asked(double);
    assert.deepEqual([calls.length, calls.filter((call) => call === "wrapkey").length], [33, 30]);
    // With an hourly login and its request without a token, one probe every 75 s makes fewer than 1,440 calls a day.
    assert.ok(1152 * calls.length / 30 + 24 / 0.63 * 2 + 24 < 1440);
  }));

Deno.test("probe() reads a version once, when it first appears", () =>
  withVault(async (double, provider) => {
    const before = await provider.probe(patient);
    double.advance(60);
    await double.keys.create(key);
    double.requests.length = 0;
    const after = await provider.probe(patient);
    assert.deepEqual(asked(double), ["wrapkey", "GET", "unwrapkey pinned"]);
    assert.equal(after.version, double.keys.kid(key));
    assert.ok((after.order ?? 0) >= (before.order ?? 0) + 60);
    double.requests.length = 0;
    assert.deepEqual(await provider.probe(patient), after);
    assert.deepEqual(asked(double), ["wrapkey"]);
  }));

Deno.test("remarks() names versions that are disabled or missing, and a key that may be exported", () =>
  withVault(async (double, provider) => {
    const old = await provider.probe(patient);
    double.advance(60);
    await double.keys.create(key);
    const now = await provider.probe(patient);
    const versions = [old.version, now.version, `${double.vault}/keys/other/${"0".repeat(32)}`];
    assert.deepEqual(await provider.remarks?.(versions, patient), []);
    double.keys.change(key, { enabled: false }, 1);
    const id = old.version.slice(-32);
    const lost = (id: string, why: string) =>
      `Version ${id}, which this node has sealed with, does not open any more: ${why}.`;
    assert.deepEqual(await provider.remarks?.(versions, patient), [lost(id, "it is disabled")]);
    const gone = `${double.vault}/keys/${key}/${"0".repeat(32)}`;
    double.requests.length = 0;
    assert.deepEqual(await provider.remarks?.([gone, now.version], patient), [
      lost("0".repeat(32), "it is not there any more"),
    ]);
    assert.deepEqual(asked(double), ["GET", "GET"]);
  }));

Deno.test("probe() detects a vault that does not unwrap to what it wrapped", () =>
  withVault(async (double, provider) => {
    const operate = double.keys.operate.bind(double.keys);
    double.keys.operate = async (name, id, operation, body) => {
      const reply = await operate(name, id, operation, body);
      if (operation !== "unwrapkey") return reply;
      return { status: 200, body: { kid: double.keys.kid(name), value: "b3RoZXI" } };
    };
    await assert.rejects(provider.probe(patient), refusedWith("provider_protocol", /something else/));
  }));

Deno.test("wrap() uses the requested version, unwrap() the recorded one", () =>
  withVault(async (double, provider) => {
    const before = await provider.probe(patient);
    await double.keys.create(key);
    double.requests.length = 0;
    const wrapped = await provider.wrap(dek, before, patient);
    assert.equal(wrapped.version, before.version);
    assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
    const path = `/keys/kubernetes/${before.version.split("/").at(-1)}`;
    assert.deepEqual(double.requests.map((request) => request.path), [`${path}/wrapkey`, `${path}/unwrapkey`]);
  }));

Deno.test("wrap() requires no earlier probe: a restarted plugin has its version from its state", () =>
  withVault(async (double, provider) => {
    const version = double.keys.kid(key);
    assert.deepEqual(await provider.unwrap(await provider.wrap(dek, { version }, patient), patient), dek);
    const other = provider.wrap(dek, { version: "https://a.vault.azure.net/keys/b/0" }, patient);
    await assert.rejects(other, refusedWith("internal"));
  }));

Deno.test("unwrap() sends no request for a version of another key or bytes of another size", () =>
  withVault(async (double, provider) => {
    const { version } = await provider.probe(patient);
    double.requests.length = 0;
    const ciphertext = new Uint8Array(256);
    for (const foreign of [version.replace("kubernetes", "other"), version.replace("https", "http"), version + "/x"]) {
      await assert.rejects(provider.unwrap({ version: foreign, ciphertext }, patient), refusedWith("key_unknown"));
    }
    for (const length of [0, 1, 31, 33, 112, 255, 257, 4096]) {
      const bytes = new Uint8Array(length);
      await assert.rejects(provider.unwrap({ version, ciphertext: bytes }, patient), refusedWith("integrity", /size/));
    }
    assert.equal(double.requests.length, 0);
  }));

Deno.test("a pinned version always wraps, and a rotation is not followed", async () => {
  await using double = await KeyVaultDouble.start();
  const pinned = double.keys.kid(key);
  const version = pinned.split("/").at(-1) ?? "";
  await using provider = (await openAzure(double, { version })).provider;
  double.advance(1);
  await double.keys.create(key);
  assert.equal((await provider.probe(patient)).version, pinned);
  assert.deepEqual(asked(double), ["GET", "wrapkey pinned", "unwrapkey pinned"]);
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

Deno.test("concurrent calls log in once, and once more when their token is refused", () =>
  withVault(async (double, provider) => {
    const state = await provider.probe(patient);
    assert.equal(double.entra.logins, 1);
    const wrapped = await provider.wrap(dek, state, patient);
    double.entra.revoke();
    await Promise.all(Array.from({ length: 40 }, () => provider.unwrap(wrapped, patient)));
    assert.equal(double.entra.logins, 2);
    double.entra.revoke();
    // A token that has worked before is replaced by a new login at once.
    await provider.unwrap(wrapped, patient);
    assert.equal(double.entra.logins, 3);
    // A fresh token that is refused as well does not cause another login.
    double.entra.forgets = true;
    double.entra.revoke();
    for (let tries = 0; tries < 5; tries++) {
      await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("unauthenticated", /401/));
    }
    assert.equal(double.entra.logins, 4);
  }));

Deno.test("unwrapForeign() decrypts data that another plugin encrypted with RSA1_5, with the given version", () =>
  withVault(async (double, provider) => {
    const newest = () => double.keys.kid(key).split("/").at(-1) ?? "";
    const keyVersion = newest();
    const encrypt = async (plaintext: Uint8Array, alg = "RSA1_5") => {
      const { body } = await double.keys.operate(key, keyVersion, "encrypt", { alg, value: base64url(plaintext) });
      return fromBase64url((body as { value: string }).value) ?? assert.fail();
    };
    const open = provider.unwrapForeign?.bind(provider) ?? assert.fail();
    const seed = new Uint8Array(32).fill(3);
    const ciphertext = await encrypt(seed);
    await double.keys.create(key);
    double.requests.length = 0;
    assert.deepEqual(await open({ ciphertext, keyVersion }, patient), seed);
    assert.deepEqual(asked(double), ["unwrapkey pinned"], "a cold start opens with one call");
    const why = /^Cannot unwrap with provider "azure": this key version has encrypted no seed to these bytes\.$/;
    const bad = [
      { ciphertext },
      { ciphertext, keyVersion, context: {} },
      { ciphertext, keyVersion: newest() },
      { ciphertext: await encrypt(seed.subarray(1)), keyVersion },
      { ciphertext: await encrypt(new Uint8Array(47)), keyVersion },
      { ciphertext: await encrypt(seed, "RSA-OAEP-256"), keyVersion },
      { ciphertext: ciphertext.with(9, 0).with(10, 0), keyVersion },
      { ciphertext: ciphertext.subarray(1), keyVersion },
    ];
    // One message for all of them; otherwise anybody who can write to etcd could use the key for decryption.
    for (const one of bad) await assert.rejects(open(one, patient), refusedWith("integrity", why));
    await assert.rejects(open({ ciphertext, keyVersion: "0".repeat(32) }, patient), refusedWith("key_unknown"));
    await assert.rejects(
      provider.unwrap({ version: double.keys.kid(key, 1), ciphertext }, patient),
      refusedWith("integrity"),
    );
  }));

Deno.test("decrypt() reads the values that the original Trousseau wrote with Azure, and none of another name", () =>
  withVault(async (double, provider) => {
    const keyVersion = double.keys.kid(key).split("/").at(-1) ?? "";
    const seed = new Uint8Array(32).fill(5);
    const { body } = await double.keys.operate(key, keyVersion, "encrypt", { alg: "RSA1_5", value: base64url(seed) });
    const { value } = body as { value: string };
    const providers = [{ written: "azurekms", name: "azure", keyVersion }];
    await using node = await startNode([enforceContract(provider, { notify: () => {} })], {
      readForeign: [{ format: "trousseau-v2", providers }],
    });
    const open = (line: string) =>
      node.service.decrypt({ keyId: "", ciphertext: utf8(line), annotations: {} }, "v1beta1", patient);
    assert.deepEqual((await open(`azurekms:-:${value}\n`)).plaintext, seed);
    await assert.rejects(open(`azure:-:${value}\n`), refusedWith("key_unknown", /readForeign names no provider/));
    const changed = `${value[0] === "A" ? "B" : "A"}${value.slice(1)}`;
    await assert.rejects(open(`azurekms:-:${changed}\n`), refusedWith("integrity"));
  }));

Deno.test("a call is repeated within its own deadline", () =>
  withVault(async (double, provider) => {
    await provider.probe(patient);
    double.entra.revoke();
    double.fault = { kind: "hang" };
    await assert.rejects(provider.probe(within(50)), refusedWith("deadline_exceeded"));
  }));

Deno.test("a token is replaced before it expires, without a failed call", async () => {
  await using double = await KeyVaultDouble.start();
  const clock = new FakeClock();
  const { provider, events } = await openAzure(double, { auth: secretAuth(double) }, clock);
  await using _provider = provider;
  await provider.probe(patient);
  const lifetime = 1000 * double.entra.lifetime;
  const due = clock.untilNext();
  assert.ok(due > 0.62 * lifetime && due < 0.78 * lifetime);
  await clock.advance(due);
  await waitFor("another login", () => double.entra.logins === 2, { timeoutMs: 20_000, everyMs: 5 });
  const ends = () => events.flatMap((event) => event.type === "token_lifetime" ? [event.expiresAt] : []);
  await waitFor("the new token", () => ends().length === 2, { timeoutMs: 20_000, everyMs: 5 });
  const [first = NaN, second = NaN] = ends();
  assert.ok(Math.abs(second - first - due) < 1);
  await provider[Symbol.asyncDispose]();
  await clock.advance(lifetime);
  assert.equal(double.entra.logins, 2);
});

Deno.test("calls beyond 16 at once are queued, and all are answered", () =>
  withVault(async (_double, provider) => {
    const state = await provider.probe(patient);
    const deks = Array.from({ length: 64 }, (_, at) => new Uint8Array(32).fill(at));
    const wraps = await Promise.all(deks.map((one) => provider.wrap(one, state, patient)));
    assert.deepEqual(await Promise.all(wraps.map((one) => provider.unwrap(one, patient))), deks);
  }));

Deno.test("a rotation in the vault changes the key ID once, and data sealed before it can still be decrypted", () =>
  withVault(async (double, provider) => {
    await using node = await startNode([enforceContract(provider, { notify: () => {} })]);
    const seed = new Uint8Array(32).fill(1);
    /** Advances time in steps in which the double can answer. */
    const live = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await node.clock.advance(1000);
        await pause(4);
      }
    };
    const { value: before } = await waitFor("a key ID", async () => {
      await live(1);
      return node.service.status().keyId;
    }, { timeoutMs: 10_000, everyMs: 1 });
    const old = node.service.encrypt(seed, "v2");
    assert.equal(old.keyId, before);
    assert.equal(node.service.status().keyId, before);

    double.advance(60);
    await double.keys.create(key);
    await live(180);
    const after = node.service.status().keyId;
    assert.notEqual(after, before);
    const fresh = node.service.encrypt(seed, "v2");
    assert.equal(fresh.keyId, after);
    await live(300);
    assert.equal(node.service.status().keyId, after);
    assert.equal(node.events.filter(({ type }) => type === "key_id").length, 2);
    for (const sealed of [old, fresh]) {
      assert.deepEqual((await node.service.decrypt(sealed, "v2", patient)).plaintext, seed);
    }
    const read = double.requests.filter(({ path }) => path.endsWith("/unwrapkey")).map(({ path }) =>
      path.split("/").at(-2)
    );
    assert.ok(read.includes(double.keys.kid(key, 1).split("/").at(-1)));
  }));
