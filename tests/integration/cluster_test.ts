/**
 * Random runs of the model of a cluster, and mutants of the key ring that the model must detect.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../../lib/base/errors.ts";
import { Announcer } from "../../lib/services/kms/key_ring/announcer.ts";
import { Snapshot } from "../../lib/services/kms/key_ring/snapshot.ts";
import type { KeyState } from "../../lib/provider/provider.ts";
import type { NamedProvider } from "../../lib/kek/kek_group.ts";
import type { Encrypted } from "../../lib/services/kms/service.ts";
import { type Parts, runCluster, soundParts } from "./cluster/cluster.ts";
import { anyRun } from "./cluster/steps.ts";

/** Number of runs in a quick test; `tests/long` has more. A failure prints its seed and its path. */
const runs = 200;

Deno.test("the model of three nodes and five KMS has no violation under outages, restarts, rotations, new configurations and stale reads", async () => {
  await fc.assert(fc.asyncProperty(anyRun, (run) => runCluster(run)), { numRuns: runs });
});

Deno.test("a run of the model with the same seed is the same, so that a failure can be repeated", async () => {
  const [run] = fc.sample(anyRun, { seed: 7, numRuns: 1 });
  assert.ok(run);
  const record = async () => {
    const calls: string[] = [];
    const provider: Parts["provider"] = (sound, node) => ({
      name: sound.name,
      kind: sound.kind,
      canUnwrap: sound.canUnwrap,
      probe: (call) => (calls.push(`${node} probe ${sound.name}`), sound.probe(call)),
      wrap: (dek, at, call) => (calls.push(`${node} wrap ${sound.name} ${at.version}`), sound.wrap(dek, at, call)),
      unwrap: (wrapped, call) => (calls.push(`${node} unwrap ${sound.name}`), sound.unwrap(wrapped, call)),
      [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
    });
    await runCluster(run, { ...soundParts, provider });
    return calls;
  };
  const first = await record();
  assert.ok(first.length > 100);
  assert.deepEqual(await record(), first);
});

interface Mutant {
  /** The message of the property that it violates. */
  readonly breaks: RegExp;
  readonly parts?: Partial<Parts>;
  /** Replaces a method until it is disposed of. */
  readonly patch?: () => Disposable;
}

/** Replaces a method until it is disposed of. */
function patched<T extends object, K extends keyof T>(holder: T, name: K, mutate: (sound: T[K]) => T[K]): Disposable {
  const sound = holder[name];
  holder[name] = mutate(sound);
  return { [Symbol.dispose]: () => void (holder[name] = sound) };
}

/** A snapshot that counts the result of the last probe without confirmation. */
function credulous(): Disposable {
  const last = new WeakMap<Snapshot, Map<string, KeyState>>();
  const patches = [
    patched(Snapshot.prototype, "observe", (sound) =>
      function (this: Snapshot, name, state) {
        const own = last.get(this) ?? new Map<string, KeyState>();
        last.set(this, own);
        const before = own.get(name);
        own.set(name, state);
        sound.call(this, name, state);
        return before?.version === state.version ? "same" : "changed";
      }),
    patched(Snapshot.prototype, "counted", (sound) =>
      function (this: Snapshot, name) {
        return last.get(this)?.get(name) ?? sound.call(this, name);
      }),
    patched(Snapshot.prototype, "members", (sound) =>
      function (this: Snapshot) {
        return sound.call(this).map((one) => ({ ...one, version: this.counted(one.name)?.version ?? one.version }));
      }),
  ];
  return { [Symbol.dispose]: () => patches.forEach((patch) => patch[Symbol.dispose]()) };
}

/** A service that shows one constant ID. It keeps the real ID of each sealed value. */
function constantId(): Parts["service"] {
  const constant = "t1-0";
  const trueIds = new WeakMap<Uint8Array, string>();
  return (sound) => ({
    status: () => ({ ...sound.status(), keyId: constant }),
    encryptStatus: () => ({ ...sound.encryptStatus(), keyId: constant }),
    peek: () => ({ ...sound.peek(), keyId: constant }),
    encrypt(plaintext, api) {
      const sealed = sound.encrypt(plaintext, api);
      trueIds.set(sealed.ciphertext, sealed.keyId);
      return { ...sealed, keyId: constant };
    },
    foreignFormat: (sealed, api) => sound.foreignFormat(sealed, api),
    refused: (ciphertext, error) => sound.refused(ciphertext, error),
    decrypt: (sealed, api, call) =>
      sound.decrypt({ ...sealed, keyId: trueIds.get(sealed.ciphertext) ?? sealed.keyId }, api, call),
    [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
  });
}

/** A provider that refuses every unwrap. */
function closed({ provider, formerly }: NamedProvider): NamedProvider {
  const unwrap = () => Promise.reject(new KmsError("key_unknown", "It is retired."));
  return {
    provider: {
      name: provider.name,
      kind: provider.kind,
      canUnwrap: provider.canUnwrap,
      probe: (call) => provider.probe(call),
      wrap: (dek, at, call) => provider.wrap(dek, at, call),
      unwrap,
      [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
    },
    formerly,
  };
}

const mutants: Readonly<Record<string, Mutant>> = {
  "with a constant key ID": {
    breaks: /the key ID tells|a rotation changes the key ID exactly once/,
    parts: { service: constantId() },
  },
  "whose snapshot is lost at a restart": {
    breaks: /an outage never changes|nor is forgotten/,
    parts: {
      store: (sound) => ({
        save: (state) => sound.save(state),
        async load() {
          const state = await sound.load();
          return state && { ...state, providers: [] };
        },
      }),
    },
  },
  "whose history is lost at a restart": {
    breaks: /a node that has announced an ID always has one|does not start without/,
    parts: { store: (sound) => ({ save: (state) => sound.save(state), load: () => Promise.resolve(undefined) }) },
  },
  "that takes the version of a probe from memory": {
    breaks: /a rotation changes the key ID exactly once|all nodes agree|the key ID tells/,
    parts: {
      provider(sound) {
        const remembered: KeyState[] = [];
        return {
          name: sound.name,
          kind: sound.kind,
          canUnwrap: sound.canUnwrap,
          async probe(call) {
            remembered.push(await sound.probe(call));
            return remembered[0] ?? { version: "v1" };
          },
          wrap: (dek, at, call) => sound.wrap(dek, at, call),
          unwrap: (wrapped, call) => sound.unwrap(wrapped, call),
          [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
        };
      },
    },
  },
  "that answers Encrypt with an ID from memory": {
    breaks: /Encrypt answers with the key ID of Status/,
    parts: {
      service(sound) {
        const first: Encrypted[] = [];
        return {
          status: () => sound.status(),
          encryptStatus: () => sound.encryptStatus(),
          peek: () => sound.peek(),
          encrypt(plaintext, api) {
            const sealed = sound.encrypt(plaintext, api);
            first.push(sealed);
            return { ...sealed, keyId: first[0]?.keyId ?? sealed.keyId };
          },
          foreignFormat: (sealed, api) => sound.foreignFormat(sealed, api),
          refused: (ciphertext, error) => sound.refused(ciphertext, error),
          decrypt: (sealed, api, call) => sound.decrypt(sealed, api, call),
          [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
        };
      },
    },
  },
  "that does not wait between a Status and a new ID": {
    breaks: /Encrypt answers with the key ID of Status/,
    patch: () => patched(Announcer.prototype, "noteStatus", () => () => {}),
  },
  "that believes every version it sees": {
    breaks: /no key ID returns|never goes back/,
    patch: credulous,
  },
  "that does not open with retired providers": {
    breaks: /what was sealed opens/,
    parts: { options: (sound) => ({ ...sound, retired: (sound.retired ?? []).map(closed) }) },
  },
  "that forgets who can open what it sealed": {
    breaks: /does not start without any provider/,
    parts: {
      store: (sound) => ({
        save: (state) => sound.save(state),
        async load() {
          const state = await sound.load();
          return state && { ...state, sealedBy: [] };
        },
      }),
    },
  },
};

for (const [what, { breaks, parts, patch }] of Object.entries(mutants)) {
  Deno.test(`the model catches a key ring ${what}`, async () => {
    using _patch = patch?.();
    const mutated = { ...soundParts, ...parts };
    // A fixed seed makes the result reproducible. The first failure is enough.
    const found = await fc.check(fc.asyncProperty(anyRun, (run) => runCluster(run, mutated)), {
      seed: 20_231_114,
      numRuns: 2000,
      endOnFailure: true,
    });
    assert.ok(found.failed, "the mutant lives");
    assert.match(String(found.errorInstance), breaks);
    assert.ok(!(found.errorInstance instanceof KmsError));
  });
}
