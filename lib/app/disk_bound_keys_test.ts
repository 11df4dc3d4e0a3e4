import { deepEqual, equal } from "node:assert/strict";
import { TestStore, type TestStoreOptions } from "../../tests/support/keyring_store.ts";
import { MemoryProvider } from "../../tests/support/memory_provider.ts";
import type { Config, ProviderConfig } from "../config/config.ts";
import { readStoreKeys } from "../services/keyring/records/store_keys.ts";
import { replaceRecordKey, rewrap } from "../services/keyring/records/rewrap.ts";
import { diskBoundKeys } from "./disk_bound_keys.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";

const { signal } = new AbortController();

function local(name: string, ...formerly: string[]): ProviderConfig {
  return { name, formerly, settings: { kind: "local", name, keyFile: `/keys/${name}`, create: false } };
}

function safe(name: string, ...formerly: string[]): ProviderConfig {
  return { name, formerly, settings: { kind: "recovery", name, recipients: [] } };
}

async function boundIn({ engine }: TestStore, providers: readonly ProviderConfig[], retired: Config["retired"] = []) {
  return diskBoundKeys({ providers, retired }, await readStoreKeys(engine, signal));
}

/** The options of a server whose providers are `a` of the stage and another one; one of them is enough. */
function both(stage: TestStore, added: MemoryProvider): TestStoreOptions {
  const providers = [stage.provider, added].map((provider) => ({ provider, formerly: [] }));
  return { group: { providers, wrap: 1 } };
}

Deno.test("diskBoundKeys() names the key file while no provider elsewhere is configured", async () => {
  await using stage = new TestStore();
  equal(await boundIn(stage, [local("a")]), undefined, "a store without keys binds nothing");
  await stage.store.ready(signal);
  deepEqual(await boundIn(stage, [local("a"), local("b")]), { keyFile: "/keys/a" });
});

Deno.test("diskBoundKeys() counts a provider from the rewrap on, and not from its place in the configuration", async () => {
  await using stage = new TestStore();
  await stage.store.ready(signal);
  const config = [local("a"), safe("b")];
  deepEqual(await boundIn(stage, config), { wrappedBy: ["a"] });
  await using wrapping = stage.again(both(stage, new MemoryProvider("b")));
  await rewrap(wrapping.store, signal);
  equal(await boundIn(stage, config), undefined);
});

Deno.test("diskBoundKeys() finds one key that was made while the provider elsewhere did not answer", async () => {
  const clock = new FakeClock();
  await using stage = new TestStore({ clock });
  const added = new MemoryProvider("b");
  await using serving = stage.again(both(stage, added));
  await serving.store.ready(signal);
  const config = [local("a"), safe("b")];
  equal(await boundIn(stage, config), undefined);
  added.faults.set("wrap", "unreachable");
  await clock.advance(91 * 24 * 60 * 60_000);
  equal(await replaceRecordKey(serving.store, signal), true);
  deepEqual(await boundIn(stage, config), { wrappedBy: ["a"] });
});

Deno.test("diskBoundKeys() knows former names and retired providers, and counts no name that is not configured", async () => {
  await using stage = new TestStore();
  await stage.store.ready(signal);
  equal(await boundIn(stage, [safe("new", "a")]), undefined);
  equal(await boundIn(stage, [local("b")], [safe("a")]), undefined);
  deepEqual(await boundIn(stage, [safe("b"), local("c", "a")]), { wrappedBy: ["a"] });
  deepEqual(await boundIn(stage, [safe("b")]), { wrappedBy: ["a"] });
});
