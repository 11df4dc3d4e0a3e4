/**
 * Shows that the suite can fail: providers with one fault each, and the cases that must detect it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { KmsError } from "../../lib/base/errors.ts";
import type { KeyState, Provider, WrappedDek } from "../../lib/provider/provider.ts";
import { registerCases } from "./conformance.ts";
import { type KeyFolder, localBench } from "./local_bench.ts";
import { onStage, type Register } from "./stage.ts";

interface Mutant {
  /** All cases whose criterion matches must fail. */
  readonly caughtBy: RegExp;
  /** Its behaviour in place of the correct provider. */
  readonly change: (sound: Provider, world: KeyFolder) => Partial<Provider>;
}

const { signal } = new AbortController();

const mutants: Readonly<Record<string, Mutant>> = {
  "that announces the version it saw first": {
    caughtBy: /^rotation gives another version|made again is another version/,
    change: (sound) => {
      let first: Promise<KeyState> | undefined;
      return { probe: (call) => first ??= sound.probe(call) };
    },
  },
  "that names another version than it used": {
    caughtBy: /^the version promised/,
    change: (sound) => ({
      wrap: async (dek, at, call) => ({ ...await sound.wrap(dek, at, call), version: "0000000000000000" }),
    }),
  },
  "that wraps with the newest version and says it was the old one": {
    caughtBy: /^a wrap at the state before a rotation/,
    change: (sound) => ({
      wrap: async (dek, at, call) => {
        const { ciphertext } = await sound.wrap(dek, await sound.probe(call), call);
        return { version: at.version, ciphertext };
      },
    }),
  },
  "whose order does not grow": {
    caughtBy: /^rotation gives another version/,
    change: (sound) => ({ probe: async (call) => ({ ...await sound.probe(call), order: 1 }) }),
  },
  "that wraps one data key always the same": {
    caughtBy: /^two wraps of one data key/,
    change: (sound) => {
      let first: Promise<WrappedDek> | undefined;
      return { wrap: (dek, at, call) => first ??= sound.wrap(dek, at, call) };
    },
  },
  "that wipes its caller's data key": {
    caughtBy: /^round trip/,
    change: (sound) => ({
      wrap: async (dek, at, call) => {
        const wrapped = await sound.wrap(dek, at, call);
        dek.fill(0);
        return wrapped;
      },
    }),
  },
  "that gives the answer to another call": {
    caughtBy: /^calls at once/,
    change: (sound) => {
      let last: Promise<Uint8Array> = Promise.resolve(new Uint8Array(47));
      return {
        unwrap: (wrapped, call) => {
          const answer = last;
          last = sound.unwrap(wrapped, call);
          last.catch(() => undefined);
          return answer;
        },
      };
    },
  },
  "that answers something for bytes it cannot open": {
    caughtBy: /^every flipped byte|^every truncation|^calls at once|made again is another version/,
    change: (sound) => ({
      unwrap: (wrapped, call) => sound.unwrap(wrapped, call).catch(() => new Uint8Array(47)),
    }),
  },
  "that ignores what stands behind the wrapped bytes": {
    caughtBy: /^every truncation and every appended/,
    change: (sound) => ({
      unwrap: ({ version, ciphertext }, call) =>
        sound.unwrap({ version, ciphertext: ciphertext.subarray(0, 75) }, call),
    }),
  },
  "that ignores the version it is given": {
    caughtBy: /^a foreign version/,
    change: (sound) => ({
      unwrap: async ({ ciphertext }, call) => await sound.unwrap({ ...await sound.probe(call), ciphertext }, call),
    }),
  },
  "that does not heed its signal": {
    caughtBy: /^a call that was cancelled or is late/,
    change: (sound) => ({ unwrap: (wrapped) => sound.unwrap(wrapped, { signal }) }),
  },
  "that makes a deleted key again": {
    caughtBy: /^a deleted key/,
    change: (sound, world) => ({
      wrap: (dek, at, call) =>
        sound.wrap(dek, at, call).catch(async (error) => {
          const made = await localBench.start();
          await Deno.copyFile(made.keyFile, world.keyFile);
          await made[Symbol.asyncDispose]();
          throw error;
        }),
    }),
  },
  "that throws what is no KmsError": {
    caughtBy: /^every flipped byte|^a deleted key|^garbage answer/,
    change: (sound) => {
      const strange = (error: Error) => {
        throw new Error(error.message);
      };
      return {
        probe: (call) => sound.probe(call).catch(strange),
        unwrap: (wrapped, call) => sound.unwrap(wrapped, call).catch(strange),
      };
    },
  },
  "that prints the data key in its errors": {
    caughtBy: /^a deleted key|^garbage answer|^half an answer/,
    change: (sound) => ({
      wrap: (dek, at, call) =>
        sound.wrap(dek, at, call).catch((error: KmsError) => {
          throw new KmsError(error.code, `Cannot wrap with provider "local": it was ${dek.toBase64()}.`);
        }),
    }),
  },
  "that never recovers": {
    caughtBy: /^garbage answer \({}\)/,
    change: (sound) => {
      let broken: KmsError | undefined;
      return {
        probe: async (call) => {
          if (broken !== undefined) throw broken;
          return await sound.probe(call).catch((error) => {
            broken = error;
            throw error;
          });
        },
      };
    },
  },
  "that answers after it was disposed of": {
    caughtBy: /^dispose leaves nothing/,
    change: (sound) => ({ [Symbol.asyncDispose]: () => sound.probe({ signal }).then(() => undefined) }),
  },
};

for (const [what, { caughtBy, change }] of Object.entries(mutants)) {
  Deno.test(`conformance() catches a provider ${what}`, async () => {
    const sound = new Set<Provider>();
    const open = async (world: KeyFolder): Promise<Provider> => {
      const provider = await localBench.open(world);
      sound.add(provider);
      return mutated(provider, change(provider, world));
    };
    const caught: string[] = [];
    for (const { criterion, run } of casesThat(caughtBy)) {
      await onStage({ ...localBench, open }, run).catch(() => caught.push(criterion));
    }
    for (const provider of sound) await provider[Symbol.asyncDispose]();
    assert.ok(caught.length > 0);
    assert.deepEqual(caught, casesThat(caughtBy).map(({ criterion }) => criterion));
  });
}

function mutated(sound: Provider, change: Partial<Provider>): Provider {
  return {
    name: sound.name,
    kind: sound.kind,
    canUnwrap: sound.canUnwrap,
    probe: (call) => sound.probe(call),
    wrap: (dek, at, call) => sound.wrap(dek, at, call),
    unwrap: (wrapped, call) => sound.unwrap(wrapped, call),
    [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
    ...change,
  };
}

function casesThat(match: RegExp) {
  const cases: { readonly criterion: string; readonly run: Parameters<Register<KeyFolder>>[2] }[] = [];
  registerCases(localBench, (criterion, _, run, { title = criterion } = {}) => {
    if (match.test(title)) cases.push({ criterion: title, run });
  });
  return cases;
}
