import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { MemoryProvider, memoryProviders } from "../../../tests/support/memory_provider.ts";
import { MemoryStore } from "../../../tests/support/memory_store.ts";
import { startNode } from "../../../tests/support/test_service.ts";
import { KmsError } from "../../base/errors.ts";
import type { KmsApi } from "../../api/kms/messages.ts";
import { answerChecker, checkFrame, checkFrameAnswer, checkSealed } from "./request_limits.ts";
import type { Encrypted, Sealed } from "./service.ts";
import { codeOf, flipped, hour, minute, opened, seed, started } from "../../../tests/support/started_node.ts";

for (const api of ["v2", "v1beta1"] as const) {
  Deno.test(`decrypt() opens data of encrypt(), on this node and on another one, over ${api}`, async () => {
    const providers = memoryProviders("a", "b");
    await using node = await started(providers);
    await using other = await started(providers);
    const sealed = node.service.encrypt(seed, api);
    assert.deepEqual(await opened(node, sealed, api), seed);
    assert.deepEqual(await opened(other, sealed, api), seed);
    assert.equal(node.service.status().keyId, other.service.status().keyId);
    assert.equal(sealed.keyId, node.service.status().keyId);
  });

  Deno.test(`decrypt() refuses every flipped byte and every cut, over ${api}`, async () => {
    const providers = memoryProviders("a", "b");
    await using node = await started(providers);
    const sealed = node.service.encrypt(seed, api);
    const refused = async (changed: Sealed, what: string) => {
      const code = await codeOf(() => opened(node, changed, api));
      assert.equal(code, "integrity", what);
    };
    for (let i = 0; i < sealed.ciphertext.length; i++) {
      await refused({ ...sealed, ciphertext: flipped(sealed.ciphertext, i) }, `ciphertext byte ${i}`);
      await refused({ ...sealed, ciphertext: sealed.ciphertext.slice(0, i) }, `ciphertext cut at ${i}`);
    }
    for (const [key, value] of Object.entries(sealed.annotations)) {
      for (let i = 0; i < value.length; i++) {
        const put = (changed: Uint8Array) => ({ ...sealed, annotations: { ...sealed.annotations, [key]: changed } });
        await refused(put(flipped(value, i)), `${key} byte ${i}`);
        await refused(put(value.slice(0, i)), `${key} cut at ${i}`);
      }
    }
    assert.deepEqual(await opened(node, sealed, api), seed);
  });
}

Deno.test("decrypt() refuses another key ID, a missing, swapped, foreign or added annotation, and the other API", async () => {
  await using node = await started(memoryProviders("a", "b"));
  const sealed = node.service.encrypt(seed, "v2");
  await node.clock.advance(1_000);
  const second = node.service.encrypt(seed, "v2");
  const [one, two] = Object.keys(sealed.annotations) as [string, string];
  const [first = seed, last = seed, foreign = seed] = [
    sealed.annotations[one],
    sealed.annotations[two],
    second.annotations[one],
  ];
  const cases: [string, Sealed][] = [
    ["another key ID", { ...sealed, keyId: "t1-00000000000000000000000000000000" }],
    ["an annotation missing", { ...sealed, annotations: { [one]: first } }],
    ["annotations swapped", { ...sealed, annotations: { [one]: last, [two]: first } }],
    ["annotations of another envelope", { ...sealed, annotations: second.annotations }],
    ["one annotation of another envelope", {
      ...sealed,
      annotations: { ...sealed.annotations, [one]: foreign },
    }],
    ["an annotation added", { ...sealed, annotations: { ...sealed.annotations, "x.example.com": seed } }],
    ["no annotations", { ...sealed, annotations: {} }],
    ["random bytes", { ...sealed, ciphertext: new Uint8Array(randomBytes(94)) }],
  ];
  for (const [what, changed] of cases) assert.equal(await codeOf(() => opened(node, changed)), "integrity", what);
  assert.equal(await codeOf(() => opened(node, { ...sealed, keyId: "" })), "request_invalid");
  assert.equal(await codeOf(() => opened(node, sealed, "v1beta1")), "integrity");
  assert.deepEqual(await opened(node, sealed), seed);
});

Deno.test("decrypt() is total: random bytes get a code and never an answer", async () => {
  await using node = await started(memoryProviders("a"));
  const bytes = fc.uint8Array({ maxLength: 1100 });
  const sealed = fc.record({
    keyId: fc.string({ minLength: 1, maxLength: 40 }),
    ciphertext: bytes,
    annotations: fc.dictionary(fc.constantFrom("a.wrap.trousseau.io", "b.wrap.trousseau.io", "x"), bytes),
  });
  await fc.assert(
    fc.asyncProperty(sealed, fc.constantFrom<KmsApi>("v2", "v1beta1"), async (value, api) => {
      const code = await codeOf(() => opened(node, value, api));
      assert.ok(["integrity", "key_unknown"].includes(code), code);
    }),
    { numRuns: 300 },
  );
});

Deno.test("encrypt() refuses an empty and an oversized plaintext, and accepts every size between", async () => {
  await using node = await started(memoryProviders("a"));
  assert.equal(await codeOf(() => node.service.encrypt(new Uint8Array(0), "v2")), "request_invalid");
  assert.equal(await codeOf(() => node.service.encrypt(new Uint8Array(901), "v2")), "request_invalid");
  for (const size of [1, 4, 32, 899, 900]) {
    const plaintext = new Uint8Array(randomBytes(size));
    const sealed = node.service.encrypt(plaintext, "v2");
    assert.ok(sealed.ciphertext.length <= 1024);
    assert.deepEqual(await opened(node, sealed), plaintext);
  }
});

Deno.test("encrypt() makes no remote call, and its envelope of a 32-byte seed has 94 bytes", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const before = { ...a.calls };
  assert.equal(node.service.encrypt(seed, "v2").ciphertext.length, 94);
  assert.deepEqual(a.calls, before);
});

Deno.test("encrypt() uses a new data key after each v2 use, and one for an hour under v1beta1", async () => {
  await using node = await started(memoryProviders("a"));
  const wraps = (sealed: Encrypted) => Object.values(sealed.annotations).map((value) => value.toBase64()).join();
  const first = wraps(node.service.encrypt(seed, "v2"));
  await node.clock.advance(1_000);
  assert.notEqual(wraps(node.service.encrypt(seed, "v2")), first);
  await node.clock.advance(1_000);
  const head = (sealed: Encrypted) => sealed.ciphertext.slice(0, -92).toBase64();
  const frame = head(node.service.encrypt(seed, "v1beta1"));
  await node.clock.advance(59 * minute);
  assert.equal(head(node.service.encrypt(seed, "v1beta1")), frame);
  await node.clock.advance(2 * minute);
  assert.equal(head(node.service.encrypt(seed, "v1beta1")), frame, "the old one serves until a new one is ready");
  await node.clock.advance(1_000);
  assert.notEqual(head(node.service.encrypt(seed, "v1beta1")), frame);
});

Deno.test("encrypt() replaces the data key at half of its uses, and refuses after the last one", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a], { dekMaxUses: 100 });
  a.faults.set("wrap", "unreachable");
  for (let i = 0; i < 100; i++) node.service.encrypt(seed, "v1beta1");
  assert.equal(await codeOf(() => node.service.encrypt(seed, "v1beta1")), "unreachable");
  a.faults.clear();
  await node.clock.advance(15_000);
  assert.equal(await codeOf(() => node.service.encrypt(seed, "v1beta1")), "ok");
});

Deno.test("status() has no key ID before a quorum has wrapped, gives the reason, and recovers by itself", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  a.faults.set("all", "unreachable");
  await using node = await started([a]);
  await node.clock.advance(5 * minute);
  const status = node.service.status();
  assert.equal(status.keyId, undefined);
  assert.match(status.message, /provider "a"/);
  assert.equal(await codeOf(() => node.service.encrypt(seed, "v2")), "unreachable");
  a.faults.clear();
  await node.clock.advance(15_000);
  assert.match(node.service.status().keyId ?? "", /^t1-[0-9a-f]{32}$/);
  assert.equal(await codeOf(() => node.service.encrypt(seed, "v2")), "ok");
});

const five = () => [...memoryProviders("a", "b", "c"), MemoryProvider.large("d"), MemoryProvider.large("e")];

for (const [wrap, needed] of [["all", 5], ["any", 1], [2, 2]] as const) {
  for (const fault of ["hang", "unreachable", "wrong", "permission_denied"] as const) {
    Deno.test(`encrypt() under wrap ${wrap} needs ${needed} of five providers: ${fault}`, async () => {
      const enough = five();
      enough.slice(needed).forEach((provider) => provider.faults.set("all", fault));
      await using node = await started(enough, { wrap });
      await node.clock.advance(45_000);
      const sealed = node.service.encrypt(seed, "v2");
      assert.equal(sealed.providers.length, needed);
      assert.deepEqual(await opened(node, sealed), seed);

      const tooFew = five();
      tooFew.slice(needed - 1).forEach((provider) => provider.faults.set("all", fault));
      await using refusing = await started(tooFew, { wrap });
      await refusing.clock.advance(10 * minute);
      assert.notEqual(await codeOf(() => refusing.service.encrypt(seed, "v2")), "ok");
      assert.equal(refusing.service.status().keyId, undefined);
    });
  }
}

Deno.test("encrypt() with five providers, two of RSA-4096, and with seven of the largest wraps stays within the API's limits", async () => {
  const largest = [..."abcdefg"].map((letter) => new MemoryProvider(letter.repeat(63), 4096));
  for (const providers of [five(), largest]) {
    await using node = await started(providers, { wrap: "all" });
    const { keyId, ciphertext, annotations } = node.service.encrypt(seed, "v2");
    assert.equal(Object.keys(annotations).length, providers.length);
    answerChecker()({ key_id: keyId, ciphertext, annotations });
    checkSealed({ key_id: keyId, ciphertext, annotations, uid: "" });
    const frame = node.service.encrypt(seed, "v1beta1");
    checkFrame(checkFrameAnswer(frame.ciphertext));
    await using fresh = await startNode(providers, { wrap: "all" });
    assert.deepEqual(await opened(fresh, frame, "v1beta1"), seed);
  }
});

Deno.test("decrypt() needs one provider that wrapped, for any faults of the others", async () => {
  for (const fault of ["hang", "unreachable", "wrong", "key_unknown", "permission_denied", "throttled"] as const) {
    const providers = five();
    await using node = await started(providers, { wrap: "all" });
    const sealed = node.service.encrypt(seed, "v2");
    await using fresh = await startNode(providers, { wrap: "all" });
    providers.slice(1).forEach((provider) => provider.faults.set("unwrap", fault));
    const answer = fresh.service.decrypt(sealed, "v2", { signal: new AbortController().signal });
    await fresh.clock.advance(2_900);
    assert.deepEqual((await answer).plaintext, seed, fault);
  }
});

Deno.test("decrypt() throws integrity only after the data keys of all wraps do not fit", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  await using node = await started([a, b]);
  const sealed = node.service.encrypt(seed, "v2");
  await using fresh = await started([a, b], { unwrap: "ordered" });
  a.faults.set("unwrap", "wrong");
  b.faults.set("unwrap", "wrong");
  assert.equal(await codeOf(() => opened(fresh, sealed)), "integrity");
  const health = () => fresh.service.peek().providers.map(({ health }) => health);
  assert.deepEqual(health(), ["well", "well"], "no proof yet of who is wrong");
  b.faults.clear();
  assert.deepEqual(await opened(fresh, sealed), seed);
  assert.deepEqual(health(), ["sick", "well"]);
});

Deno.test("decrypt() names the provider that is not configured any more", async () => {
  await using node = await started(memoryProviders("old"));
  const sealed = node.service.encrypt(seed, "v2");
  await using other = await started(memoryProviders("new"));
  assert.equal(await codeOf(() => opened(other, sealed)), "key_unknown");
});

Deno.test("decrypt() finds the wraps of a provider's former name", async () => {
  const old = new MemoryProvider("old");
  await using node = await started([old]);
  const sealed = node.service.encrypt(seed, "v2");
  const renamed = new Proxy(old, { get: (target, key) => key === "name" ? "new" : bound(target, key) });
  await using other = await started([renamed], { formerly: { new: ["old"] } });
  assert.deepEqual(await opened(other, sealed), seed);
  assert.notEqual(other.service.status().keyId, node.service.status().keyId);
});

function bound(target: MemoryProvider, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key, target);
  return typeof value === "function" ? value.bind(target) : value;
}

Deno.test("openService() refuses a state folder that cannot be written to", async () => {
  const clock = new FakeClock();
  const { MemoryStore } = await import("../../../tests/support/memory_store.ts");
  const store = new MemoryStore();
  store.broken = true;
  assert.equal(await codeOf(() => startNode(memoryProviders("a"), { clock, store })), "config");
});

Deno.test("decrypt() calls a retired provider only for its own wraps", async () => {
  const [a, b, old] = memoryProviders("a", "b", "old") as [MemoryProvider, MemoryProvider, MemoryProvider];
  await using before = await started([old]);
  const sealed = before.service.encrypt(seed, "v2");
  await using alone = await started([a, b]);
  const calls = { ...old.calls };
  await using node = await started([a, b], { retired: [{ provider: old, formerly: [] }] });
  await node.clock.advance(hour);
  assert.equal(node.service.status().keyId, alone.service.status().keyId, "no part of the key ID");
  assert.deepEqual(node.service.encrypt(seed, "v2").providers.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(old.calls, calls, "neither probed nor asked to wrap");
  const retired = () =>
    node.service.peek().retired.map(({ name, health, lastGoodAt }) => ({ name, health, lastGoodAt }));
  assert.deepEqual(retired(), [{ name: "old", health: "unknown", lastGoodAt: undefined }]);
  assert.deepEqual(await opened(node, sealed), seed);
  assert.deepEqual(retired(), [{ name: "old", health: "well", lastGoodAt: node.clock.now() }]);
  assert.equal(node.service.peek().providers.length, 2);
});

Deno.test("status() reports an unavailable retired provider, and its recovery at its next unwrap", async () => {
  const [a, old] = memoryProviders("a", "old") as [MemoryProvider, MemoryProvider];
  await using before = await started([old]);
  const [first, second] = [before.service.encrypt(seed, "v2"), before.service.encrypt(seed, "v1beta1")];
  await using node = await started([a], { retired: [{ provider: old, formerly: [] }] });
  old.faults.set("all", "unreachable");
  assert.equal(await codeOf(() => opened(node, first)), "unreachable");
  assert.deepEqual(node.service.peek().retired.map(({ health, code }) => [health, code]), [["sick", "unreachable"]]);
  assert.equal(node.service.peek().quorum.state, "held");
  old.faults.clear();
  assert.deepEqual(await opened(node, second, "v1beta1"), seed);
  assert.deepEqual(node.service.peek().retired.map(({ health, code }) => [health, code]), [["well", "ok"]]);
});

Deno.test("openService() refuses a configuration without a provider that can open the node's data", async () => {
  const [a, b, c] = memoryProviders("a", "b", "c") as [MemoryProvider, MemoryProvider, MemoryProvider];
  const store = new MemoryStore();
  {
    await using node = await started([a, b], { store, wrap: 1 });
    node.service.encrypt(seed, "v2");
  }
  const refusal = async (providers: readonly MemoryProvider[], options: Parameters<typeof startNode>[1] = {}) => {
    try {
      await using _node = await started(providers, { store: store.copy(), ...options });
      return "";
    } catch (thrown) {
      assert.ok(thrown instanceof KmsError && thrown.code === "config", `${thrown}`);
      return thrown.message;
    }
  };
  const as = (provider: MemoryProvider, ...formerly: string[]) => [{ provider, formerly }];
  assert.equal(await refusal([a, c]), "", "a wrapped all of it");
  assert.equal(await refusal([b, c]), "");
  assert.match(await refusal([c]), /one of the providers "a" \(memory\), "b" \(memory\) .* under retired:/);
  assert.equal(await refusal([c], { retired: as(a) }), "");
  assert.match(await refusal([c], { forgotten: ["a"] }), /provider "b" \(memory\) .* forgotten: \[b\]/);
  assert.equal(await refusal([c], { forgotten: ["a", "b"] }), "");
  assert.equal(await refusal([c], { formerly: { c: ["a"] } }), "");
  {
    a.faults.set("all", "unreachable");
    await using node = await started([a, b], { store, wrap: 1 });
    await node.clock.advance(minute);
    node.service.encrypt(seed, "v2");
    a.faults.clear();
  }
  assert.match(await refusal([a, c]), /only provider "b" \(memory\) can open/, "what was sealed while a was away");
  assert.equal(await refusal([b, c]), "");
});

Deno.test("encrypt() uses no data key before its wrap set is written", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  const store = new MemoryStore();
  await using node = await started([a, b], { store, wrap: 1 });
  const both = node.service.encrypt(seed, "v2");
  store.broken = true;
  a.faults.set("all", "unreachable");
  await node.clock.advance(10 * minute);
  assert.deepEqual(node.service.encrypt(seed, "v2").providers, both.providers);
  assert.match(JSON.stringify(node.events), /the disk is full\. The data key in use stays until that is mended\./);
  store.broken = false;
  await node.clock.advance(minute);
  assert.deepEqual(node.service.encrypt(seed, "v2").providers.map(({ name }) => name), ["b"]);
  assert.deepEqual(store.saved?.sealedBy, [[{ name: "b", kind: "memory" }]]);
});

Deno.test("decrypt() of this process's own data, such as v1beta1's health check, is no evidence that stored data can be read", async () => {
  const [old, now] = memoryProviders("old", "now") as [MemoryProvider, MemoryProvider];
  await using before = await started([old]);
  const stored = [1, 2, 3].map(() => before.service.encrypt(seed, "v1beta1"));
  await using node = await started([now]);
  const ping = async () => await opened(node, node.service.encrypt(Uint8Array.of(1, 2, 3, 4), "v1beta1"), "v1beta1");
  for (let i = 0; i < 30; i++) {
    await ping();
    for (const sealed of stored) assert.equal(await codeOf(() => opened(node, sealed, "v1beta1")), "key_unknown");
    // Longer than `maxAge`: the KMS has confirmed the ping's data key since, which is no more evidence.
    await node.clock.advance(minute);
    assert.equal(node.service.peek().decrypts.failing, true, `after ${i} minutes`);
  }
  assert.equal(node.service.peek().decrypts.lastOpenedAt, undefined);
  const warnings = node.events.filter((event) => event.type === "lifecycle" && event.action === "warning");
  assert.equal(warnings.length, 1);
  assert.match(JSON.stringify(warnings), /Stored data cannot be read: every Decrypt of the last 5 minutes was refused/);
});

Deno.test("decrypt() counts envelopes and not references: a whole hour of v1beta1 has one data key", async () => {
  const [old, now] = memoryProviders("old", "now") as [MemoryProvider, MemoryProvider];
  await using before = await started([old]);
  const [one, two, three] = [1, 2, 3].map(() => before.service.encrypt(seed, "v1beta1"));
  assert.ok(one && two && three);
  await using node = await started([now]);
  for (const sealed of [one, two, one, two]) await codeOf(() => opened(node, sealed, "v1beta1"));
  assert.equal(node.service.peek().decrypts.failing, false);
  await codeOf(() => opened(node, three, "v1beta1"));
  assert.equal(node.service.peek().decrypts.failing, true);
});

Deno.test("decrypt() in an outage is not a refusal, and one of another node's data is a success", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using other = await started([a]);
  const stored = [1, 2, 3, 4].map(() => other.service.encrypt(seed, "v2"));
  await using node = await started([a]);
  for (const fault of ["unreachable", "throttled", "deadline_exceeded"] as const) {
    a.faults.set("unwrap", fault);
    for (const sealed of stored) assert.notEqual(await codeOf(() => opened(node, sealed)), "ok");
  }
  assert.deepEqual(node.service.peek().decrypts.refused, []);
  a.faults.set("unwrap", "key_unusable");
  for (const sealed of stored) assert.equal(await codeOf(() => opened(node, sealed)), "key_unusable");
  const { failing, refused } = node.service.peek().decrypts;
  assert.deepEqual([failing, refused.map(({ code, envelopes }) => [code, envelopes])], [true, [["key_unusable", 4]]]);
  a.faults.clear();
  assert.deepEqual(await opened(node, stored[0] as Encrypted), seed);
  assert.equal(node.service.peek().decrypts.failing, false, "it recovers by itself");
});

Deno.test("decrypt() counts data that is not an envelope, and foreign formats that are not configured", async () => {
  await using node = await started(memoryProviders("a"));
  const bytes = ["vault:v1:AAAA", "1aws", "", "\xe1"].map((text) => new TextEncoder().encode(text));
  for (const ciphertext of bytes) await codeOf(() => opened(node, { keyId: "1", ciphertext, annotations: {} }));
  const { failing, refused } = node.service.peek().decrypts;
  assert.deepEqual([failing, refused.map(({ code, envelopes }) => [code, envelopes])], [true, [["integrity", 4]]]);
});
