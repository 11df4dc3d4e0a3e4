/**
 * Cases for the life of a KEK: rotation, disabling, deletion and creation under the same name.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ConformanceBench } from "./bench.ts";
import { isCannot } from "./bench.ts";
import { newDek, probe, refuses, type Register, unwrap, wrap, wrapNow } from "./stage.ts";

/** Registers them for one vendor. */
export function lifecycleCases<World extends AsyncDisposable>(
  bench: ConformanceBench<World>,
  register: Register<World>,
): void {
  const change = async (lever: "rotate" | "disable" | "remove" | "recreate", world: World) => {
    const pull = bench[lever];
    assert.ok(!isCannot(pull));
    await pull(world);
  };

  register(
    "rotation gives another version of a higher order, which wraps from then on",
    [bench.rotate],
    async (stage) => {
      const { world, provider, another } = stage;
      const dek = newDek();
      const before = await probe(provider);
      const old = await wrap(provider, dek, before);
      await change("rotate", world);
      const after = await probe(provider);
      assert.notEqual(after.version, before.version);
      assert.equal(before.order === undefined, after.order === undefined);
      if (before.order !== undefined && after.order !== undefined) assert.ok(after.order > before.order);
      const fresh = await wrap(provider, dek, after);
      assert.equal(fresh.version, after.version);
      for (const reader of [provider, await another()]) {
        assert.deepEqual(await unwrap(reader, old), dek, "what was wrapped before opens");
        assert.deepEqual(await unwrap(reader, fresh), dek, "what is wrapped now opens");
      }
    },
  );

  register("a wrap at the state before a rotation tells its true version", [bench.rotate], async (stage) => {
    const { world, provider } = stage;
    const dek = newDek();
    const before = await probe(provider);
    await change("rotate", world);
    const wrapped = await wrap(provider, dek, before);
    if (wrapped.version !== before.version) assert.equal(wrapped.version, (await probe(provider)).version);
    assert.deepEqual(await unwrap(provider, wrapped), dek);
  });

  register("a wrap does not open under the version of another", [bench.rotate], async ({ world, provider }) => {
    const dek = newDek();
    const old = await wrapNow(provider, dek);
    await change("rotate", world);
    const fresh = await wrapNow(provider, dek);
    for (const [one, other] of [[old, fresh], [fresh, old]] as const) {
      const swapped = { version: one.version, ciphertext: other.ciphertext };
      await refuses(provider, unwrap(provider, swapped), ["integrity", "key_unknown"], "swapped versions", [dek]);
    }
  });

  register("a disabled key is key_unusable", [bench.disable], async ({ world, provider, another }) => {
    const dek = newDek();
    const before = await probe(provider);
    const old = await wrap(provider, dek, before);
    await change("disable", world);
    for (const user of [provider, await another()]) {
      await refuses(user, unwrap(user, old), ["key_unusable"], "unwrap", [dek]);
      const now = await probe(user).catch(() => undefined);
      if (now === undefined) await refuses(user, probe(user), ["key_unusable"], "probe");
      else assert.notEqual(now.version, before.version, "a disabled version is not announced");
    }
  });

  register("a deleted key is key_unknown, and nobody makes it again by wrapping", [bench.remove], async (stage) => {
    const { world, provider, another } = stage;
    const dek = newDek();
    const before = await probe(provider);
    const old = await wrap(provider, dek, before);
    await change("remove", world);
    await refuses(provider, probe(provider), ["key_unknown"], "probe");
    await refuses(provider, wrap(provider, dek, before), ["key_unknown"], "wrap", [dek]);
    await refuses(provider, unwrap(provider, old), ["key_unknown"], "unwrap", [dek]);
    await refuses(provider, probe(provider), ["key_unknown"], "probe after all that");
    const opened = await another().catch(() => undefined);
    if (opened !== undefined) await refuses(opened, probe(opened), ["key_unknown"], "probe of a new provider");
  });

  register(
    "a key deleted and made again is another version, and old wraps stay shut",
    [bench.recreate],
    async (stage) => {
      const { world, provider, another } = stage;
      const dek = newDek();
      const before = await probe(provider);
      const old = await wrap(provider, dek, before);
      await change("remove", world);
      await change("recreate", world);
      for (const user of [provider, await another()]) {
        const shut = ["integrity", "key_unknown", "key_unusable"] as const;
        // The provider does not know of the change yet. It may refuse, but its wraps must be unwrappable.
        const late = await wrap(user, dek, before).catch(() => undefined);
        await refuses(user, unwrap(user, old), shut, "unwrap", [dek]);
        const after = await probe(user);
        assert.notEqual(after.version, before.version);
        if (late !== undefined) {
          assert.deepEqual(await unwrap(user, late), dek, "what was wrapped meanwhile is not lost");
        }
        await refuses(user, unwrap(user, old), shut, "unwrap after a probe", [dek]);
        await refuses(user, unwrap(user, { ...old, version: after.version }), shut, "old bytes, new version", [dek]);
        const fresh = await wrap(user, dek, after);
        assert.equal(fresh.version, after.version);
        assert.deepEqual(await unwrap(user, fresh), dek);
      }
    },
  );
}
