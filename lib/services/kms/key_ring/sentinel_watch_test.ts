import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { encodeAnnotations } from "../../../envelope/wrap.ts";
import { KmsError } from "../../../base/errors.ts";
import type { CallOptions, WrappedDek } from "../../../provider/provider.ts";
import { MemoryProvider, memoryProviders } from "../../../../tests/support/memory_provider.ts";
import { MemoryStore } from "../../../../tests/support/memory_store.ts";
import { startNode, type TestNode, type TestNodeOptions } from "../../../../tests/support/test_service.ts";
import type { Sentinel } from "./sentinel.ts";
import { memorySentinels, type SentinelStore } from "./sentinel_file.ts";
import { sentinelTimings } from "./sentinel_watch.ts";

const second = 1000;
const minute = 60 * second;
const day = 86_400 * second;

/** A KMS that has retired some of its versions, or whose holder has lost the right to them. */
class RetiringProvider extends MemoryProvider {
  readonly retired = new Map<string, "key_unusable" | "permission_denied">();

  override async unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array> {
    const code = this.retired.get(wrapped.version);
    if (code === undefined) return await super.unwrap(wrapped, call);
    this.calls.unwrap++;
    throw new KmsError(code, `Cannot unwrap with provider "${this.name}": version ${wrapped.version} is retired.`);
  }
}

/** The files of a node, which are kept over restarts. */
interface Disk {
  readonly store: MemoryStore;
  readonly sentinels: SentinelStore;
}

function disk(): Disk {
  return { store: new MemoryStore(), sentinels: memorySentinels() };
}

/** A node that has announced an ID and tests its versions. */
async function running(
  providers: readonly MemoryProvider[],
  kept: Disk,
  options: TestNodeOptions = {},
): Promise<TestNode> {
  const node = await startNode(providers, { ...kept, ...options });
  await node.clock.advance(second);
  node.service.examine();
  await node.clock.settle();
  return node;
}

/** Rotates, and waits for the new key ID. */
async function rotate(node: TestNode, provider: MemoryProvider): Promise<void> {
  const before = node.service.peek().keyId;
  provider.rotate();
  for (let i = 0; i < 100 && node.service.peek().keyId === before; i++) await node.clock.advance(5 * second);
}

function states({ service }: TestNode) {
  return service.peek().sealedVersions.map(({ provider, version, state, announced }) =>
    `${provider} ${version} ${state}${announced ? " announced" : ""}`
  );
}

function warnings({ events }: TestNode): readonly string[] {
  return events.flatMap((event) => event.type === "lifecycle" && event.action === "warning" ? [event.message] : []);
}

Deno.test("SentinelWatch keeps one sentinel for each provider and version, without an additional call", async () => {
  const providers = memoryProviders("a", "b");
  const kept = disk();
  await using node = await running(providers, kept);
  deepEqual(states(node), ["b v1 opens announced", "a v1 opens announced"]);
  // One data key was wrapped, and each wrap opened once to prove it.
  deepEqual(providers.map(({ calls }) => [calls.wrap, calls.unwrap]), [[1, 1], [1, 1]]);
  for (let i = 0; i < 5; i++) {
    node.service.encrypt(new Uint8Array(32), "v2");
    await node.clock.advance(second);
  }
  equal((await kept.sentinels.load()).length, 2, "other data keys of the same versions add nothing");
  const testedAt = node.service.peek().sealedVersions[0]?.testedAt ?? 0;
  ok(testedAt >= 1_700_000_000_000 && testedAt < 1_700_000_001_000);
});

Deno.test("SentinelWatch makes sentinels that only their own provider opens, and that do not open as seeds", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  const kept = disk();
  await using node = await running([a, b], kept);
  const [sentinel] = await kept.sentinels.load() as [Sentinel];
  const { provider: name, version, wrapped: ciphertext } = sentinel;
  const forged = {
    keyId: sentinel.keyId,
    ciphertext: sentinel.envelope,
    annotations: encodeAnnotations([{ name, version, ciphertext }]),
  };
  await rejects(async () => await node.service.decrypt(forged, "v2", { signal: new AbortController().signal }), {
    code: "integrity",
  });
  ok(!JSON.stringify(await kept.sentinels.load()).includes('"dek"'));
});

Deno.test("SentinelWatch detects within a minute that the announced version is another key, and warns once", async () => {
  const kept = disk();
  await (await running(memoryProviders("a"), kept))[Symbol.asyncDispose]();
  // Another node's key: the same name and version, other bytes.
  const [other] = memoryProviders("a") as [MemoryProvider];
  await using node = await running([other], kept);
  await node.clock.advance(minute);
  deepEqual(states(node), ["a v1 refused announced"]);
  const [found] = node.service.peek().sealedVersions;
  deepEqual([found?.code, found?.kind], ["integrity", "memory"]);
  match(found?.message ?? "", /bad ciphertext/);
  await node.clock.advance(3 * day);
  const told = warnings(node);
  equal(told.length, 1);
  match(told[0] ?? "", /sealed with version v1 of provider "a" cannot be read any more: .* forgotten: \['a@v1'\]\./);
});

Deno.test("SentinelWatch soon detects that a lost version opens again, while it runs and after a restart", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const kept = disk();
  await (await running([a], kept))[Symbol.asyncDispose]();
  a.faults.set("unwrap", "key_unknown");
  await using node = await running([a], kept);
  await node.clock.advance(5 * minute);
  deepEqual(states(node), ["a v1 refused announced"]);
  a.faults.clear();
  await node.clock.advance(sentinelTimings.lastRetry);
  deepEqual(states(node), ["a v1 opens announced"]);
  a.faults.set("unwrap", "key_unknown");
  await node.clock.advance(2 * day);
  deepEqual(states(node), ["a v1 refused announced"]);
  a.faults.clear();
  await using again = await running([a], kept);
  await again.clock.advance(minute);
  deepEqual(states(again), ["a v1 opens announced"]);
});

Deno.test("SentinelWatch does not report a version that is retired after its rewrite, and tests it once a day", async () => {
  const a = new RetiringProvider("a");
  await using node = await running([a], disk());
  await rotate(node, a);
  await node.clock.advance(2 * day);
  deepEqual(states(node), ["a v2 opens announced", "a v1 opens"]);
  a.retired.set("v1", "key_unusable");
  const before = a.calls.unwrap;
  await node.clock.advance(3 * day);
  deepEqual(states(node), ["a v1 refused", "a v2 opens announced"]);
  equal(a.calls.unwrap - before, 6, "two versions, three days");
  equal(node.service.peek().canEncrypt, true);
});

Deno.test("SentinelWatch keeps reporting a version as announced that was lost while it was announced", async () => {
  const a = new RetiringProvider("a");
  const kept = disk();
  await (await running([a], kept))[Symbol.asyncDispose]();
  a.retired.set("v1", "key_unusable");
  a.rotate();
  await using node = await running([a], kept);
  await node.clock.advance(2 * minute);
  deepEqual(states(node), ["a v1 refused announced", "a v2 opens announced"]);
  await using again = await running([a], kept);
  await again.clock.advance(2 * minute);
  deepEqual(states(again), ["a v1 refused announced", "a v2 opens announced"]);
  await using accepted = await running([a], kept, { forgotten: ["a@v1"] });
  deepEqual(states(accepted), ["a v2 opens announced"]);
});

Deno.test("SentinelWatch tests a version once more when another one replaces it", async () => {
  const a = new RetiringProvider("a");
  await using node = await running([a], disk());
  await node.clock.advance(minute);
  a.retired.set("v1", "key_unusable");
  await rotate(node, a);
  await node.clock.advance(minute);
  deepEqual(states(node), ["a v1 refused announced", "a v2 opens announced"]);
});

Deno.test("SentinelWatch does not count an outage or a single transient denial as a refusal", async () => {
  const a = new RetiringProvider("a");
  const kept = disk();
  await (await running([a], kept))[Symbol.asyncDispose]();
  for (const fault of ["unreachable", "hang", "throttled", "unauthenticated"] as const) {
    a.faults.set("unwrap", fault);
    await using node = await running([a], kept);
    await node.clock.advance(10 * second);
    deepEqual(states(node), ["a v1 unknown announced"], fault);
    a.faults.clear();
    await node.clock.advance(2 * minute);
    deepEqual(states(node), ["a v1 opens announced"], fault);
    deepEqual(warnings(node), []);
  }
  a.retired.set("v1", "permission_denied");
  await using node = await running([a], kept);
  await node.clock.advance(5 * second);
  a.retired.clear();
  await node.clock.advance(10 * second);
  deepEqual(states(node), ["a v1 opens announced"]);
});

Deno.test("SentinelWatch only warns if sentinels cannot be written or read, and writes them later", async () => {
  const kept = memorySentinels();
  let broken = true;
  const full = () => Promise.reject(new KmsError("config", "Cannot write the sentinels: the disk is full."));
  const sentinels: SentinelStore = {
    load: () => broken ? full() : kept.load(),
    update: (change) => broken ? full() : kept.update(change),
  };
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await running([a], { store: new MemoryStore(), sentinels });
  equal(node.service.peek().canEncrypt, true);
  node.service.encrypt(new Uint8Array(32), "v2");
  await node.clock.advance(second);
  equal(warnings(node).length, 2, "one for reading, one for writing");
  broken = false;
  await node.clock.advance(2 * minute);
  node.service.encrypt(new Uint8Array(32), "v2");
  await node.clock.advance(second);
  equal((await kept.load()).length, 1);
});

Deno.test("SentinelWatch opens with a renamed provider and with a retired one, and tests nothing without a provider", async () => {
  const kept = disk();
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  await (await running([a, b], kept))[Symbol.asyncDispose]();
  const sentinels = await kept.sentinels.load();
  const renamed = new class extends MemoryProvider {
    override async unwrap(...call: Parameters<MemoryProvider["unwrap"]>) {
      return await super.unwrap(...call).catch(() => a.unwrap(...call));
    }
  }("new");
  const before = a.calls.unwrap;
  await using node = await running([renamed], kept, { formerly: { new: ["a"] }, forgotten: [] });
  await node.clock.advance(minute);
  ok(a.calls.unwrap > before);
  deepEqual(states(node), ["new v1 opens announced", "b v1 not_tested", "a v1 opens"]);
  const memory = memorySentinels();
  await memory.update(() => sentinels);
  await using second = await running([renamed], { store: kept.store.copy(), sentinels: memory }, {
    retired: [{ provider: b, formerly: ["a"] }],
  });
  const calls = b.calls.unwrap;
  await second.clock.advance(2 * day);
  ok(b.calls.unwrap > calls);
  deepEqual(states(second).filter((state) => !state.startsWith("new")), ["a v1 refused", "b v1 opens"]);
});

Deno.test("SentinelWatch tests at most 96 versions of a provider a day", async () => {
  const a = new MemoryProvider("a");
  const kept = disk();
  await (await running([a], kept))[Symbol.asyncDispose]();
  const [one] = await kept.sentinels.load() as [Sentinel];
  const many = Array.from({ length: 300 }, (_, i) => ({ ...one, version: `x${i}`, test: undefined }));
  await kept.sentinels.update(() => many);
  await using node = await running([a], kept);
  const before = a.calls.unwrap;
  await node.clock.advance(day);
  // Ninety-six, and the first ready data keys of the day, each of which is opened once.
  ok(a.calls.unwrap - before <= 97, `${a.calls.unwrap - before}`);
  ok(a.calls.unwrap - before >= 90, `${a.calls.unwrap - before}`);
});

for (const hours of [3, -3]) {
  Deno.test(`SentinelWatch tests once a day and reports the time under a step of the wall clock by ${hours} h`, async () => {
    const [provider] = memoryProviders("a");
    ok(provider);
    await using node = await running([provider], disk());
    const testedAgo = () => node.clock.wall() - (node.service.peek().sealedVersions[0]?.testedAt ?? 0);
    await node.clock.advance(12 * 60 * minute);
    const before = provider.calls.unwrap;
    node.clock.setWall(hours * 60 * minute);
    equal(Math.round(testedAgo() / minute), 12 * 60);
    await node.clock.advance(11.9 * 60 * minute);
    equal(provider.calls.unwrap, before, "not before a day has passed");
    await node.clock.advance(12 * minute);
    equal(provider.calls.unwrap, before + 1);
    ok(testedAgo() >= 0 && testedAgo() <= 12 * minute, `${testedAgo() / minute} min ago`);
  });
}
