import { deepEqual, equal, match, notEqual, rejects } from "node:assert/strict";
import { MemoryProvider, memoryProviders, WrapOnlyProvider } from "../../../tests/support/memory_provider.ts";
import { MemoryStore } from "../../../tests/support/memory_store.ts";
import { startNode, type TestNode, type TestNodeOptions } from "../../../tests/support/test_service.ts";
import { memorySentinels } from "./key_ring/sentinel_file.ts";
import { unreadable } from "./readable.ts";

const second = 1_000;
const minute = 60 * second;
const seed = crypto.getRandomValues(new Uint8Array(32));
const call = { signal: new AbortController().signal };

async function started(providers: readonly MemoryProvider[], options: TestNodeOptions = {}): Promise<TestNode> {
  const node = await startNode(providers, options);
  await node.clock.advance(second);
  return node;
}

Deno.test("a provider that only wraps wraps each data key and counts in the key ID, and unwraps none", async () => {
  const [a, r] = [new MemoryProvider("a"), new WrapOnlyProvider("r")];
  await using alone = await started([a]);
  await using node = await started([a, r]);
  const before = node.service.status().keyId;
  notEqual(before, alone.service.status().keyId);
  const sealed = node.service.encrypt(seed, "v2");
  deepEqual(sealed.providers, [{ name: "a", version: "v1" }, { name: "r", version: "v1" }]);
  await using other = await started([r, a]);
  deepEqual((await other.service.decrypt(sealed, "v2", call)).plaintext, seed);
  equal(r.calls.unwrap, 0);
  const { providers, wrapOnly, needed } = node.service.peek();
  deepEqual([providers.map(({ name }) => name), wrapOnly.map(({ name }) => name), needed], [["a"], ["r"], 1]);
  r.rotate();
  for (let i = 0; i < 5; i++) {
    await node.clock.advance(minute);
    node.service.status();
  }
  notEqual(node.service.peek().keyId, before, "other recipients are another key ID");
});

Deno.test("a provider that only wraps is not enough to prepare a data key", async () => {
  const [a, r] = [new MemoryProvider("a"), new WrapOnlyProvider("r")];
  a.faults.set("all", "unreachable");
  await using node = await started([a, r]);
  await node.clock.advance(5 * minute);
  const { keyId, canEncrypt, quorum } = node.service.peek();
  deepEqual([keyId, canEncrypt, quorum.state], [undefined, false, "lost"]);
  deepEqual(node.events.filter(({ type }) => type === "ready_dek"), [], "nothing is tried without a");
  a.faults.clear();
  await node.clock.advance(minute);
  equal(node.service.peek().canEncrypt, true);
});

Deno.test("openService() does not count a provider that only wraps as one that can open the node's data", async () => {
  const [a, c] = memoryProviders("a", "c") as [MemoryProvider, MemoryProvider];
  const r = new WrapOnlyProvider("r");
  const store = new MemoryStore();
  await (await started([a, r], { store }))[Symbol.asyncDispose]();
  const open = async (providers: readonly MemoryProvider[], options: TestNodeOptions = {}) =>
    await (await started(providers, { store: store.copy(), ...options }))[Symbol.asyncDispose]();
  await rejects(open([c, r]), {
    code: "config",
    message: /^This node has sealed data that only provider "a" \(memory\) can open, .* forgotten: \[a\]\.$/,
  });
  await open([c, r], { retired: [{ provider: a, formerly: [] }] });
  await open([c, r], { forgotten: ["a"] });
  await open([a]);
});

Deno.test("a node keeps no sentinel of a provider that only wraps, and shows the loss of all others' versions", async () => {
  const [a, r] = [new MemoryProvider("a"), new WrapOnlyProvider("r")];
  const sentinels = memorySentinels();
  await using node = await started([a, r], { sentinels });
  deepEqual((await sentinels.load()).map(({ provider }) => provider), ["a"]);
  node.service.examine();
  await node.clock.advance(minute);
  const states = () => node.service.peek().sealedVersions.map(({ provider, state }) => `${provider} ${state}`);
  deepEqual(states(), ["a opens"]);
  equal(unreadable(node.service.peek()), "");
  a.faults.set("unwrap", "key_unusable");
  await node.clock.advance(25 * 60 * minute);
  deepEqual(states(), ["a refused"]);
  match(unreadable(node.service.peek()), /^What this node has sealed cannot be opened again\./);
  const warnings = node.events.flatMap((event) =>
    event.type === "lifecycle" && event.action === "warning" ? [event.message] : []
  );
  match(warnings.find((message) => message.includes("sealed with version")) ?? "", /cannot be read any more: /);
  equal(r.calls.unwrap, 0);
});
