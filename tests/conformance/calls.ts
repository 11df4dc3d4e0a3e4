/**
 * Cases on single calls: what goes in comes out, and nothing else does.
 *
 * @module
 */
import assert from "node:assert/strict";
import { utf8 } from "../../lib/bytes.ts";
import { timeoutReason } from "../../lib/deadline.ts";
import { providerLimits, type WrappedDek } from "../../lib/provider/provider.ts";
import { newDek, probe, refuses, type Register, unwrap, wrap, wrapNow } from "./stage.ts";

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
    const deks = Array.from({ length: 40 }, () => newDek());
    const wraps = await Promise.all(deks.map((dek) => wrap(provider, dek, state)));
    const bad = { version: state.version, ciphertext: flipped(wraps[0], 20) };
    const answers = await Promise.all(wraps.map(async (wrapped, index) => {
      if (index % 10 !== 5) return await unwrap(provider, wrapped);
      await refuses(provider, unwrap(provider, bad), ["integrity"], "the bad one");
      return deks[index];
    }));
    assert.deepEqual(answers, deks);
  });

  register("every flipped byte is integrity", [], async ({ provider }) => {
    const dek = newDek();
    const wrapped = await wrapNow(provider, dek);
    const changed = [...wrapped.ciphertext.keys()].flatMap((at) =>
      [0x01, 0x20, 0x80].map((mask) => ({ what: `byte ${at} ^ ${mask}`, ciphertext: flipped(wrapped, at, mask) }))
    );
    await allRefused(provider, changed, wrapped.version, dek);
  });

  register("every truncation and every appended byte is integrity", [], async ({ provider }) => {
    const dek = newDek();
    const { version, ciphertext } = await wrapNow(provider, dek);
    const cut = Array.from(ciphertext, (_, length) => ({
      what: `cut to ${length} bytes`,
      ciphertext: ciphertext.subarray(0, length),
    }));
    const longer = [0, 0x0a, 0x3d, 0x41].map((byte) => ({
      what: `with ${byte} behind it`,
      ciphertext: new Uint8Array([...ciphertext, byte]),
    }));
    await allRefused(provider, [...cut, ...longer], version, dek);
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

function flipped(wrapped: WrappedDek | undefined, at: number, mask = 0x01): Uint8Array {
  assert.ok(wrapped !== undefined);
  const bytes = wrapped.ciphertext.slice();
  bytes[at] = (bytes[at] ?? 0) ^ mask;
  return bytes;
}

async function allRefused(
  provider: Parameters<typeof unwrap>[0],
  changed: readonly { readonly what: string; readonly ciphertext: Uint8Array }[],
  version: string,
  dek: Uint8Array,
): Promise<void> {
  // In lots, as a KMS over the network is not to be stormed.
  for (let at = 0; at < changed.length; at += 32) {
    await Promise.all(
      changed.slice(at, at + 32).map(({ what, ciphertext }) =>
        refuses(provider, unwrap(provider, { version, ciphertext }), ["integrity"], what, [dek])
      ),
    );
  }
}
