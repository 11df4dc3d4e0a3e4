import assert from "node:assert/strict";
import { type ErrorCode, errorCodes, KmsError } from "../base/errors.ts";
import { withCircuitBreaker } from "./circuit_breaker.ts";
import type { CheckedProvider, KeyState, WrappedDek } from "./provider.ts";

const dek = new Uint8Array(47).fill(7);
const state: KeyState = { version: "v1" };
const wrapped: WrappedDek = { version: "v1", ciphertext: new Uint8Array(75) };
const { signal } = new AbortController();
const codes = Object.keys(errorCodes) as ErrorCode[];

/** A provider behind a breaker, its clock, and a switch for the result of calls. */
function bench() {
  const world = {
    now: 0,
    code: undefined as ErrorCode | undefined,
    calls: 0,
    held: undefined as Promise<void> | undefined,
  };
  const answer = async <T>(value: T) => {
    world.calls++;
    const { code, held } = world;
    await held;
    if (code === undefined) return value;
    throw new KmsError(code, 'Cannot do it with provider "vault-eu": Vault answered 503 (sealed).');
  };
  const inner: CheckedProvider = {
    name: "vault-eu",
    kind: "test",
    canUnwrap: true,
    probe: () => answer(state),
    wrap: () => answer(wrapped),
    unwrap: () => answer(dek),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const provider = withCircuitBreaker(inner, { now: () => world.now });
  const verbs = {
    probe: () => provider.probe({ signal }),
    wrap: () => provider.wrap(dek, state, { signal }),
    unwrap: () => provider.unwrap(wrapped, { signal }),
  };
  const fail = async (verb: keyof typeof verbs, code: ErrorCode, times = 1) => {
    world.code = code;
    for (let n = 0; n < times; n++) await assert.rejects(verbs[verb](), KmsError);
    world.code = undefined;
  };
  /** Whether a call fails now without a remote call. The call made for this test says nothing about the KMS. */
  const isOpen = async () => {
    const { calls, code, held } = world;
    Object.assign(world, { code: "cancelled", held: undefined });
    await verbs.unwrap().catch(() => undefined);
    const called = world.calls > calls;
    Object.assign(world, { calls, code, held });
    return !called;
  };
  return { world, isOpen, fail, ...verbs };
}

Deno.test("withCircuitBreaker() opens after one failed probe and then makes no call", async () => {
  const { world, isOpen, fail, wrap, unwrap } = bench();
  await fail("probe", "unreachable");
  assert.equal(await isOpen(), true);
  for (const call of [wrap, unwrap]) await assert.rejects(call(), { code: "unreachable" });
  assert.equal(world.calls, 1);
});

Deno.test("withCircuitBreaker() names the failure that opened it, in one sentence", async () => {
  const { fail, unwrap } = bench();
  await fail("probe", "unreachable");
  await assert.rejects(unwrap(), {
    message: 'Cannot unwrap with provider "vault-eu": it is not asked so soon after this failure: ' +
      "Vault answered 503 (sealed).",
  });
});

Deno.test("withCircuitBreaker() passes on the code of a refused login, and reports every other failure as an outage", async () => {
  for (const code of codes.filter((code) => errorCodes[code].sick === "yes")) {
    const { world, fail, wrap, unwrap } = bench();
    await fail("probe", code);
    const expected = errorCodes[code].refusal ? code : "unreachable";
    for (const call of [wrap, unwrap]) await assert.rejects(call(), { code: expected });
    assert.equal(world.calls, 1);
  }
});

Deno.test("withCircuitBreaker() opens after three consecutive failed calls; a success resets the count", async () => {
  const { isOpen, fail, wrap } = bench();
  await fail("unwrap", "unreachable", 2);
  await wrap();
  await fail("unwrap", "deadline_exceeded", 2);
  assert.equal(await isOpen(), false);
  await fail("wrap", "unauthenticated");
  assert.equal(await isOpen(), true);
});

Deno.test("withCircuitBreaker() opens on an unwrap only for codes that a stored byte string cannot provoke", async () => {
  for (const code of codes) {
    const { isOpen, fail } = bench();
    await fail("unwrap", code, 5);
    assert.equal(await isOpen(), ["unreachable", "deadline_exceeded", "unauthenticated"].includes(code), code);
  }
});

Deno.test("withCircuitBreaker() opens on a probe or a wrap for every code that always means a failing provider, and for no refusal", async () => {
  for (const code of codes) {
    for (const verb of ["probe", "wrap"] as const) {
      const { isOpen, fail } = bench();
      await fail(verb, code, 3);
      assert.equal(await isOpen(), errorCodes[code].sick === "yes", `${verb} ${code}`);
    }
  }
});

Deno.test("withCircuitBreaker() closes when a probe is answered, even by a refusal", async () => {
  for (const code of [undefined, "key_unusable", "permission_denied", "throttled"] as const) {
    const { world, isOpen, fail, probe, unwrap } = bench();
    await fail("probe", "unreachable");
    world.code = code;
    await probe().catch(() => undefined);
    assert.equal(await isOpen(), false, String(code));
    world.code = undefined;
    assert.equal(await unwrap(), dek);
  }
});

Deno.test("withCircuitBreaker() passes one trial call at a time, and closes when it succeeds", async () => {
  const { world, isOpen, fail, unwrap } = bench();
  await fail("probe", "unreachable");
  world.now = 999;
  await assert.rejects(unwrap(), { code: "unreachable" });
  world.now = 1000;
  assert.equal(await isOpen(), false);
  const hold = Promise.withResolvers<void>();
  world.held = hold.promise;
  const trial = unwrap();
  assert.equal(await isOpen(), true);
  await assert.rejects(unwrap(), { code: "unreachable" });
  assert.equal(world.calls, 2);
  hold.resolve();
  assert.equal(await trial, dek);
  assert.equal(await isOpen(), false);
});

Deno.test("withCircuitBreaker() doubles the pause after each failed trial, up to 10 s, and starts again from 1 s after closing", async () => {
  const { world, isOpen, fail, probe } = bench();
  await fail("probe", "unreachable");
  for (const coolDown of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
    world.now += coolDown - 1;
    assert.equal(await isOpen(), true, `${coolDown}`);
    world.now += 1;
    assert.equal(await isOpen(), false, `${coolDown}`);
    await fail("unwrap", "unreachable");
  }
  await probe();
  await fail("probe", "unreachable");
  world.now += 1000;
  assert.equal(await isOpen(), false);
});

Deno.test("withCircuitBreaker() neither closes nor stays shut if a trial says nothing about the KMS", async () => {
  for (const code of ["cancelled", "integrity", "key_unknown"] as const) {
    const { world, isOpen, fail, unwrap } = bench();
    await fail("probe", "unreachable");
    world.now = 1000;
    await fail("unwrap", code);
    await fail("unwrap", "unreachable");
    assert.equal(await isOpen(), true, `${code}: one failure is enough, so it had not closed`);
    world.now = 3000;
    assert.equal(await unwrap(), dek);
  }
});

Deno.test("withCircuitBreaker() gives an answered probe precedence over a trial that fails after it", async () => {
  const { world, isOpen, fail, probe, unwrap } = bench();
  await fail("probe", "unreachable");
  world.now = 1000;
  const hold = Promise.withResolvers<void>();
  Object.assign(world, { held: hold.promise, code: "unreachable" });
  const trial = assert.rejects(unwrap(), { code: "unreachable" });
  Object.assign(world, { held: undefined, code: undefined });
  await probe();
  hold.resolve();
  await trial;
  assert.equal(await isOpen(), false);
});
