import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { base64, concat, utf8 } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import type { KmsApi } from "../api/kms/messages.ts";
import { enforceContract } from "../provider/enforced_contract.ts";
import type { CheckedProvider, Provider } from "../provider/provider.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { type MemoryProvider, memoryProviders } from "../../tests/support/memory_provider.ts";
import { startNode, type TestNode } from "../../tests/support/test_service.ts";
import type { Sealed } from "../services/kms/service.ts";
import { ForeignReader, type ForeignSource } from "./foreign.ts";
import { Latencies } from "./latency.ts";

const seed = new Uint8Array(randomBytes(32));
const never = new AbortController().signal;

function by(format: ForeignSource["format"], ...names: string[]): ForeignSource {
  return { format, providers: names.map((name) => ({ written: "", name })) };
}

function foreign(ciphertext: Uint8Array, keyId = "1"): Sealed {
  return { keyId, ciphertext, annotations: {} };
}

async function open(node: TestNode, sealed: Sealed, api: KmsApi = "v2"): Promise<Uint8Array> {
  return (await node.service.decrypt(sealed, api, { signal: never })).plaintext;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(() => "ok", (thrown) => thrown instanceof KmsError ? thrown.code : String(thrown));
}

async function started(providers: readonly MemoryProvider[], ...readForeign: ForeignSource[]): Promise<TestNode> {
  const node = await startNode(providers, { readForeign, wrap: 1 });
  await node.clock.advance(100);
  return node;
}

Deno.test("decrypt() reads what another plugin wrote, over both APIs, and says whose it was", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a], by("vault-kubernetes-kms", "a"));
  const ciphertext = await a.encryptForeign(seed);
  for (const api of ["v2", "v1beta1"] as const) {
    const sealed = foreign(ciphertext, api === "v2" ? "1" : "");
    assert.deepEqual(await open(node, sealed, api), seed);
    assert.equal(node.service.foreignFormat(sealed, api), "vault-kubernetes-kms");
  }
  const answer = await node.service.decrypt(foreign(ciphertext), "v2", { signal: never });
  assert.deepEqual(answer.providers, [{ name: "a", version: "1" }]);
  assert.equal(answer.keyId, "1");
});

Deno.test("decrypt() reads nothing foreign unless told to, and asks no KMS then", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const ciphertext = await a.encryptForeign(seed);
  for (const readForeign of [[], [by("aws-encryption-provider", "a")]]) {
    await using node = await started([a], ...readForeign);
    const before = a.calls.unwrap;
    for (const api of ["v2", "v1beta1"] as const) {
      assert.equal(await codeOf(open(node, foreign(ciphertext), api)), "integrity");
      assert.equal(node.service.foreignFormat(foreign(ciphertext), api), undefined);
    }
    assert.equal(a.calls.unwrap, before);
  }
});

Deno.test("decrypt() refuses our own wraps and whatever else is no seed, when handed in as foreign", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a], by("vault-kubernetes-kms", "a"));
  const dek = new Uint8Array(randomBytes(32));
  const tag = utf8("trousseau-dek-1");
  for (
    const plaintext of [concat(tag, dek), concat(tag, dek.slice(0, 17)), tag, dek.slice(1), concat(dek, tag), utf8("p")]
  ) {
    const ciphertext = await a.encryptForeign(plaintext);
    for (const api of ["v2", "v1beta1"] as const) {
      await assert.rejects(open(node, foreign(ciphertext), api), { code: "integrity" });
    }
  }
  const asForeign = await a.encryptForeign(concat(tag, dek));
  await assert.rejects(open(node, foreign(asForeign)), { message: /wrapped data key of Trousseau's/ });
  assert.notEqual(node.service.peek().providers[0]?.health, "sick");
});

Deno.test("decrypt() never opens with a provider that the format's entry does not name", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  await using node = await started([a, b], by("vault-kubernetes-kms", "a"));
  const ciphertext = await b.encryptForeign(seed);
  const before = b.calls.unwrap;
  assert.equal(await codeOf(open(node, foreign(ciphertext))), "integrity");
  assert.equal(b.calls.unwrap, before);
});

Deno.test("decrypt() opens a line of trousseau-v2 with the provider that stands for its name, and either will do", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  const source: ForeignSource = {
    format: "trousseau-v2",
    providers: [{ written: "vault", name: "a" }, { written: "awskms", name: "b" }],
  };
  await using node = await started([a, b], source);
  const line = async (name: string, provider: MemoryProvider) =>
    `${name}:-:${base64(await provider.encryptForeign(seed))}\n`;
  const stored = async (...lines: Promise<string>[]) => foreign(utf8((await Promise.all(lines)).join("")), "");
  assert.deepEqual(await open(node, await stored(line("vault", a), line("awskms", b)), "v1beta1"), seed);
  a.faults.set("unwrap", "unreachable");
  assert.deepEqual(await open(node, await stored(line("vault", a), line("awskms", b)), "v1beta1"), seed);
  a.faults.clear();
  assert.deepEqual(await open(node, await stored(line("azurekms", b), line("vault", a)), "v1beta1"), seed);
  assert.equal(await codeOf(open(node, await stored(line("azurekms", b)), "v1beta1")), "key_unknown");
  assert.equal(await codeOf(open(node, await stored(line("vault", b)), "v1beta1")), "integrity");
});

Deno.test("decrypt() does not take a wrong line of trousseau-v2 for its provider's fault", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  const providers = [{ written: "x", name: "a" }, { written: "y", name: "b" }];
  await using node = await started([a, b], { format: "trousseau-v2", providers });
  const ours = base64(await a.encryptForeign(concat(utf8("trousseau-dek-1"), seed)));
  const text = `x:-:${ours}\ny:-:${base64(await b.encryptForeign(seed))}\n`;
  assert.deepEqual(await open(node, foreign(utf8(text), ""), "v1beta1"), seed);
  assert.deepEqual(node.service.peek().providers.map(({ health }) => health), ["well", "well"]);
});

Deno.test("decrypt() keeps foreign seeds in a cache of their own, and joins equal calls", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a], by("trousseau-v1", "a"));
  const sealed = node.service.encrypt(seed, "v2");
  const first = a.calls.unwrap;
  const one = await a.encryptForeign(seed);
  await Promise.all([1, 2, 3].map(() => open(node, foreign(one), "v1beta1")));
  await open(node, foreign(one), "v1beta1");
  assert.equal(a.calls.unwrap, first + 1);
  for (let i = 0; i < 5000; i++) await open(node, foreign(await a.encryptForeign(seed)), "v1beta1");
  const before = a.calls.unwrap;
  assert.deepEqual(await open(node, sealed), seed);
  assert.equal(a.calls.unwrap, before);
});

Deno.test("ForeignReader tells what its cache drops, and leaves its size to the cache of our own data keys", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const cache = { entries: 3, maxAgeMs: 600_000, graceOnOutageMs: 0, lifetimeMs: 600_000 };
  await using node = await startNode([a], { readForeign: [by("trousseau-v1", "a")], cache });
  await node.clock.advance(100);
  node.events.splice(0);
  for (let i = 0; i < 5; i++) await open(node, foreign(await a.encryptForeign(seed)), "v1beta1");
  const told = node.events.filter(({ type }) => type.startsWith("cache_"));
  assert.deepEqual(told.map((event) => event.type === "cache_evicted" && event.reason), ["lru", "lru"]);
});

Deno.test("decrypt() answers foreign reads with the codes of every other unwrap, and heeds the deadline", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a], by("trousseau-v1", "a"));
  for (const fault of ["unreachable", "permission_denied", "key_unusable", "throttled", "provider_protocol"] as const) {
    const ciphertext = await a.encryptForeign(seed);
    a.faults.set("unwrap", fault);
    assert.equal(await codeOf(open(node, foreign(ciphertext), "v1beta1")), fault);
    a.faults.clear();
  }
  const ciphertext = await a.encryptForeign(seed);
  a.faults.set("unwrap", "hang");
  const call = new AbortController();
  const answer = codeOf(Promise.resolve(node.service.decrypt(foreign(ciphertext), "v1beta1", { signal: call.signal })));
  call.abort(new DOMException("late", "TimeoutError"));
  assert.equal(await answer, "deadline_exceeded");
});

Deno.test("decrypt() serves a cached foreign seed on while its KMS is away, and asks again after maxAge", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const clock = new FakeClock();
  await using node = await startNode([a], { readForeign: [by("trousseau-v1", "a")], clock });
  await clock.advance(100);
  const sealed = foreign(await a.encryptForeign(seed));
  await open(node, sealed, "v1beta1");
  a.faults.set("all", "unreachable");
  await clock.advance(11 * 60_000);
  const before = a.calls.unwrap;
  assert.deepEqual(await open(node, sealed, "v1beta1"), seed);
  assert.ok(a.calls.unwrap > before);
});

Deno.test("encrypt() never writes foreign, and what is ours is never read as foreign", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started(
    [a],
    { ...by("aws-encryption-provider", "a"), unprefixed: true },
    by("vault-kubernetes-kms", "a"),
  );
  for (const api of ["v2", "v1beta1"] as const) {
    const sealed = node.service.encrypt(seed, api);
    assert.equal(node.service.foreignFormat(sealed, api), undefined);
    assert.deepEqual(await open(node, sealed, api), seed);
  }
});

Deno.test("openService() tells of each format that is on", async () => {
  await using node = await started(memoryProviders("a", "b"), by("trousseau-v1", "a", "b"));
  assert.deepEqual(node.events.filter(({ type }) => type === "foreign"), [
    { type: "foreign", format: "trousseau-v1", providers: ["a", "b"] },
  ]);
});

/** A reader without a node around it, whose only provider answers with `unwrap`. */
function readerOf(source: ForeignSource, unwrap: CheckedProvider["unwrap"]): ForeignReader {
  return new ForeignReader({
    sources: [source],
    providers: [{ name: "a", unwrap }],
    isSick: () => false,
    cache: { entries: 3, maxAgeMs: 1_000, graceOnOutageMs: 0, lifetimeMs: 1_000 },
    clock: new FakeClock(),
    strategy: "ordered",
    latencies: new Latencies(),
    lastGoodAt: () => undefined,
    notify: () => {},
  });
}

Deno.test("ForeignReader hands on what a key's entry says of context and version, and nothing else", async () => {
  const stored = concat(utf8("1"), new Uint8Array(60).fill(7));
  const ciphertext = stored.slice(1);
  for (const bound of [{}, { context: { a: "b" } }, { keyVersion: "7" }, { context: {}, keyVersion: "7" }]) {
    const asked: unknown[] = [];
    using reader = readerOf(
      { format: "aws-encryption-provider", providers: [{ written: "", name: "a", ...bound }] },
      (given) => {
        asked.push(given);
        return Promise.resolve(seed);
      },
    );
    const found = await reader.read("aws-encryption-provider", foreign(stored, ""), "v1beta1", { signal: never });
    assert.deepEqual(asked, [{ ciphertext, ...bound }]);
    assert.deepEqual(found, { seed, cache: "miss", holders: [{ name: "a", version: "-" }], own: false });
  }
});

Deno.test("ForeignReader says why it takes nothing of a provider", async () => {
  const format = "aws-encryption-provider";
  const said = async (opened: Uint8Array) => {
    using reader = readerOf(by(format, "a"), () => Promise.resolve(opened));
    const stored = foreign(concat(utf8("1"), new Uint8Array(60)), "");
    return await reader.read(format, stored, "v1beta1", { signal: never }).then(() => "", ({ message }) => message);
  };
  assert.equal(await said(seed), "");
  for (const bytes of [seed.slice(1), concat(seed, Uint8Array.of(0)), new Uint8Array(0)]) {
    assert.equal(await said(bytes), 'Cannot decrypt with provider "a": what it opened is no seed of 32 bytes.');
  }
  assert.match(await said(concat(utf8("trousseau-dek-1"), seed.slice(15))), /a wrapped data key of Trousseau's/);
});

Deno.test("ForeignReader refuses for a provider that reads nothing of others", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const own: Provider = {
    name: "a",
    kind: "memory",
    canUnwrap: true,
    probe: (call) => a.probe(call),
    wrap: (dek, at, call) => a.wrap(dek, at, call),
    unwrap: (wrapped, call) => a.unwrap(wrapped, call),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await using node = await startNode([enforceContract(own, { notify: () => {} })], {
    readForeign: [by("trousseau-v1", "a")],
  });
  await node.clock.advance(100);
  await assert.rejects(open(node, foreign(await a.encryptForeign(seed), ""), "v1beta1"), {
    code: "integrity",
    message: 'Cannot decrypt with provider "a": it reads nothing that others wrote.',
  });
});

Deno.test("ForeignReader refuses for a provider of its sources that cannot unwrap", async () => {
  using reader = readerOf(by("trousseau-v1", "wrap-only"), () => Promise.resolve(seed));
  const [a] = memoryProviders("a") as [MemoryProvider];
  const stored = foreign(await a.encryptForeign(seed), "");
  await assert.rejects(reader.read("trousseau-v1", stored, "v1beta1", { signal: never }), {
    code: "integrity",
    message: 'Cannot decrypt with provider "wrap-only": it reads nothing that others wrote.',
  });
});

Deno.test("ForeignReader ends its calls when it is disposed of", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const reader = readerOf(by("trousseau-v1", "a"), (given, call) => a.unwrap(given, call));
  const ciphertext = await a.encryptForeign(seed);
  a.faults.set("unwrap", "hang");
  const answer = codeOf(reader.read("trousseau-v1", foreign(ciphertext, ""), "v1beta1", { signal: never }));
  reader[Symbol.dispose]();
  assert.equal(await answer, "cancelled");
});
