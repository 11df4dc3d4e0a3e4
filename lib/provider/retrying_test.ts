import assert from "node:assert/strict";
import { type ErrorCode, errorCodes, KmsError } from "../errors.ts";
import type { KeyState, Provider, WrappedDek } from "./provider.ts";
import { retrying } from "./retrying.ts";

const dek = new Uint8Array(47).fill(7);
const state: KeyState = { version: "v1" };
const wrapped: WrappedDek = { version: "v1", ciphertext: new Uint8Array(75) };
const { signal } = new AbortController();

/** A retried provider whose calls fail with these errors, one after the other, and then succeed. */
function bench(failures: readonly KmsError[], random = () => 0.5, onSleep: () => void = () => {}) {
  const queue = [...failures];
  const seen = { calls: 0, pauses: [] as number[] };
  const answer = <T>(value: T) => {
    seen.calls++;
    const failure = queue.shift();
    return failure === undefined ? Promise.resolve(value) : Promise.reject(failure);
  };
  const inner: Provider = {
    name: "vault-eu",
    kind: "test",
    probe: () => answer(state),
    wrap: () => answer(wrapped),
    unwrap: () => answer(dek),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const sleep = (ms: number) => Promise.resolve((seen.pauses.push(ms), onSleep()));
  return { seen, provider: retrying(inner, { random, sleep }) };
}

const away = (retryAfterMs?: number) =>
  new KmsError(retryAfterMs === undefined ? "unreachable" : "throttled", "Away.", retryAfterMs ? { retryAfterMs } : {});

Deno.test("retrying() repeats wrap and unwrap until they succeed, with pauses that double", async () => {
  const { provider, seen } = bench([away(), away(), away()]);
  assert.equal(await provider.unwrap(wrapped, { signal }), dek);
  assert.deepEqual(seen, { calls: 4, pauses: [50, 100, 200] });
  assert.equal(await bench([away()]).provider.wrap(dek, state, { signal }), wrapped);
});

Deno.test("retrying() gives up after four tries with the last error", async () => {
  const last = new KmsError("unreachable", "The last one.");
  const { provider, seen } = bench([away(), away(), away(), last]);
  await assert.rejects(provider.wrap(dek, state, { signal }), last);
  assert.equal(seen.calls, 4);
});

Deno.test("retrying() spreads each pause over half to once and a half", async () => {
  for (const [random, pause] of [[0, 25], [0.999, 74.95]] as const) {
    const { provider, seen } = bench([away()], () => random);
    await provider.unwrap(wrapped, { signal });
    assert.deepEqual(seen.pauses, [pause]);
  }
});

Deno.test("retrying() waits as long as the KMS asks for, and not at all if that is too long", async () => {
  const patient = bench([away(700)]);
  await patient.provider.unwrap(wrapped, { signal });
  assert.deepEqual(patient.seen.pauses, [700]);
  const hasty = bench([away(60_000)]);
  await assert.rejects(hasty.provider.unwrap(wrapped, { signal }), { code: "throttled" });
  assert.deepEqual(hasty.seen, { calls: 1, pauses: [] });
});

Deno.test("retrying() repeats exactly the codes that the table says", async () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const { provider, seen } = bench([new KmsError(code, "So.")]);
    await provider.unwrap(wrapped, { signal }).catch(() => undefined);
    assert.equal(seen.calls, errorCodes[code].retry === "yes" ? 2 : 1, code);
  }
});

Deno.test("retrying() never calls past the signal, and throws what the KMS said last", async () => {
  const controller = new AbortController();
  const { provider, seen } = bench([away(), away()], () => 0.5, () => controller.abort());
  await assert.rejects(provider.unwrap(wrapped, { signal: controller.signal }), { code: "unreachable" });
  assert.equal(seen.calls, 1);
});

Deno.test("retrying() makes a probe once", async () => {
  const { provider, seen } = bench([away()]);
  await assert.rejects(provider.probe({ signal }), { code: "unreachable" });
  assert.equal(seen.calls, 1);
});
