import assert from "node:assert/strict";
import { base64url, fromBase64url, utf8 } from "../../base/bytes.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { openAzure, secretAuth } from "../../../tests/support/azure_settings.ts";
import { KeyVaultDouble } from "../../../tests/support/key_vault_double.ts";
import { pause, waitFor } from "../../../tests/support/processes.ts";
import { startNode } from "../../../tests/support/test_service.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { enforceContract } from "../enforced_contract.ts";
import { dek, key, tokenRequests, withVault } from "../../../tests/support/azure_provider.ts";

Deno.test("probe() is one call, and two at each tenth time", () =>
  withVault(async (double, provider) => {
    await provider.probe(patient);
    assert.deepEqual(tokenRequests(double), ["GET", "wrapkey", "unwrapkey pinned"]);
    double.requests.length = 0;
    for (let probes = 1; probes <= 30; probes++) await provider.probe(patient);
    const calls = tokenRequests(double);
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
    assert.deepEqual(tokenRequests(double), ["wrapkey", "GET", "unwrapkey pinned"]);
    assert.equal(after.version, double.keys.kid(key));
    assert.ok((after.order ?? 0) >= (before.order ?? 0) + 60);
    double.requests.length = 0;
    assert.deepEqual(await provider.probe(patient), after);
    assert.deepEqual(tokenRequests(double), ["wrapkey"]);
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
    assert.deepEqual(tokenRequests(double), ["GET", "GET"]);
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
    assert.deepEqual(tokenRequests(double), ["unwrapkey pinned"], "a cold start opens with one call");
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
      Promise.resolve(node.service.decrypt({ keyId: "", ciphertext: utf8(line), annotations: {} }, "v1beta1", patient));
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
