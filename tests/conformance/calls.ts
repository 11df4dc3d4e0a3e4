/**
 * Cases for single calls: a wrapped data key is unwrapped unchanged, and all other bytes are refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import { utf8 } from "../../lib/base/bytes.ts";
import { everyAppended, everyCut, everyFlip, flipped } from "../../lib/conformance/changes.ts";
import { isBad, openAll, openAtOnce, type Sealer } from "../../lib/conformance/sealer.ts";
import { timeoutReason } from "../../lib/base/deadline.ts";
import { type KeyState, type Provider, providerLimits, type WrappedDek } from "../../lib/provider/provider.ts";
import { newDek, probe, refuses, type Register, unwrap, wrap, wrapNow } from "./stage.ts";

/** Bytes of a ciphertext that is tried with every flip; RSA-2048 in base64 is shorter. */
const longest = 400;

/** So many are opened at once: they travel in one request, which has the deadline of a single call. */
const atOnce = 8;

/** Registers them for one vendor. */
export function callCases<World extends AsyncDisposable>(register: Register<World>): void {
  register("round trip of data keys of 1 to 64 bytes, within the limits", [], async ({ provider, another }) => {
    const state = await probe(provider);
    const reader = await another();
    for (const length of [1, 32, 47, providerLimits.dek]) {
      const dek = newDek(length);
      const copy = dek.slice();
      const wrapped = await wrap(provider, dek, state);
      assert.deepEqual(dek, copy, "the data key is its caller's, to use and to wipe");
      assert.ok(wrapped.ciphertext.length >= 1 && wrapped.ciphertext.length <= providerLimits.ciphertext);
      assert.deepEqual(await unwrap(provider, wrapped), dek);
      assert.deepEqual(await unwrap(reader, wrapped), dek, "another provider on the same key opens it");
    }
    assert.match(provider.name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
  });

  register("the version promised is the version used", [], async ({ provider, another }) => {
    const state = await probe(provider);
    assert.ok(state.version.length > 0 && utf8(state.version).length <= providerLimits.version);
    assert.equal((await wrap(provider, newDek(), state)).version, state.version);
    assert.deepEqual(await probe(provider), state, "a probe changes nothing");
    assert.deepEqual(await probe(await another()), state, "every node sees the same");
  });

  register("two wraps of one data key differ", [], async ({ provider }) => {
    const dek = newDek();
    const state = await probe(provider);
    const [one, other] = [await wrap(provider, dek, state), await wrap(provider, dek, state)];
    assert.notDeepEqual(one.ciphertext, other.ciphertext);
  });

  register("calls at once each get their own answer, a bad one among them too", [], async ({ provider }) => {
    const state = await probe(provider);
    const bad = await wrap(provider, newDek(), state);
    const deks = Array.from({ length: 40 }, () => newDek());
    const openings = await openAtOnce(sealer(provider, state), deks, {
      version: state.version,
      ciphertext: flipped(bad.ciphertext, 20),
    });
    for (const [index, { result, what, error }] of openings.entries()) {
      assert.equal(result, isBad(index) ? "refused" : "same", what);
      if (error !== undefined) await refuses(provider, Promise.reject(error), ["integrity"], what);
    }
  });

  register("every flipped byte is integrity", [], async ({ provider }) => {
    const dek = newDek();
    const { version, ciphertext } = await wrapNow(provider, dek);
    const flips = everyFlip(ciphertext, [0x01, 0x20, 0x80]);
    // For a long wrap each flip costs a private-key operation with a large key, so only one bit of each byte is flipped.
    const wanted = ciphertext.length > longest ? flips.filter((_, at) => at % 3 === Math.floor(at / 3) % 3) : flips;
    await allRefused(provider, wanted, version, dek);
  });

  register("every truncation and every appended byte is integrity", [], async ({ provider }) => {
    const dek = newDek();
    const { version, ciphertext } = await wrapNow(provider, dek);
    const changed = [...everyCut(ciphertext), ...everyAppended(ciphertext, [0, 0x0a, 0x3d, 0x41])];
    await allRefused(provider, changed, version, dek);
  });

  register("a foreign version is integrity or key_unknown, and is not repeated", [], async ({ provider }) => {
    const dek = newDek();
    const { version, ciphertext } = await wrapNow(provider, dek);
    const foreign = ["", "0", "1", "none", "\x1b[31mred\n", "é".repeat(128), "x".repeat(256)];
    for (const other of foreign) {
      const work = unwrap(provider, { version: other, ciphertext });
      await refuses(provider, work, ["integrity", "key_unknown"], `version ${JSON.stringify(other)}`, [dek]);
    }
    assert.deepEqual(await unwrap(provider, { version, ciphertext }), dek);
  });

  register("a call that was cancelled or is late already is not made", [], async ({ provider }) => {
    const dek = newDek();
    const state = await probe(provider);
    const wrapped = await wrap(provider, dek, state);
    for (const [reason, code] of [[undefined, "cancelled"], [timeoutReason(), "deadline_exceeded"]] as const) {
      const call = { signal: AbortSignal.abort(reason) };
      await refuses(provider, provider.probe(call), [code], "probe");
      await refuses(provider, provider.wrap(dek, state, call), [code], "wrap");
      await refuses(provider, provider.unwrap(wrapped, call), [code], "unwrap");
    }
  });

  register("dispose leaves nothing, and what is disposed makes no call", [], async ({ another }) => {
    const provider = await another();
    const dek = newDek();
    const state = await probe(provider);
    const wrapped = await wrap(provider, dek, state);
    await provider[Symbol.asyncDispose]();
    const codes = ["cancelled", "unreachable"] as const;
    await refuses(provider, probe(provider), codes, "probe");
    await refuses(provider, wrap(provider, dek, state), codes, "wrap");
    await refuses(provider, unwrap(provider, wrapped), codes, "unwrap");
    await provider[Symbol.asyncDispose]();
  });
}

/** A provider as what is tried on everything that seals. */
function sealer(provider: Provider, at: KeyState): Sealer<WrappedDek> {
  return { seal: (dek) => wrap(provider, dek, at), open: (wrapped) => unwrap(provider, wrapped) };
}

async function allRefused(
  provider: Provider,
  changed: ReturnType<typeof everyFlip>,
  version: string,
  dek: Uint8Array,
): Promise<void> {
  const variants = changed.map(({ what, bytes }) => ({ what, sealed: { version, ciphertext: bytes } }));
  for (let at = 0; at < variants.length; at += atOnce) {
    for (const opening of await openAll(sealer(provider, { version }), dek, variants.slice(at, at + atOnce))) {
      assert.equal(opening.result, "refused", opening.what);
      await refuses(provider, Promise.reject(opening.error), ["integrity"], opening.what, [dek]);
    }
  }
}
