/**
 * Cases for a KMS that fails: the error code, the time until the error, and the recovery.
 *
 * @module
 */
import assert from "node:assert/strict";
import { deadline } from "../../lib/base/deadline.ts";
import type { ErrorCode } from "../../lib/base/errors.ts";
import type { CallOptions, KeyState, Provider, WrappedDek } from "../../lib/provider/provider.ts";
import { type ConformanceBench, type FaultName, type FaultVariant, isCannot } from "./bench.ts";
import { eventually, newDek, probe, refuses, type Register, unwrap, wrap } from "./stage.ts";

/** The permitted names of faults. */
const codesOf = {
  "refused login": ["unauthenticated", "permission_denied"],
  "withdrawn right": ["permission_denied"],
  "throttling": ["throttled"],
  "5xx": ["unreachable"],
  "hang": ["deadline_exceeded"],
  "half an answer": ["unreachable", "provider_protocol"],
  "garbage answer": ["provider_protocol", "unreachable"],
} as const satisfies Record<FaultName, readonly ErrorCode[]>;

/**
 * Milliseconds: the deadline of a call that hangs; the deadline of a call that is answered, long enough for a busy
 * machine; and the time after which a call is regarded as having missed its deadline.
 */
const time = { hang: 250, answered: 3000, watch: 5000 } as const;

/** Registers them for one vendor. */
export function faultCases<World extends AsyncDisposable>(
  bench: ConformanceBench<World>,
  register: Register<World>,
): void {
  for (const name of Object.keys(codesOf) as FaultName[]) {
    const variants = bench.faults[name];
    const title = (what: string) => `${name}${what} is ${codesOf[name].join(" or ")}`;
    if (isCannot(variants)) register(name, [variants], () => Promise.resolve(), { title: title("") });
    else for (const variant of variants) oneFault(bench, register, name, title(` (${variant.what})`), variant);
  }
  cancelledCall(bench, register);
}

function restriction({ unwrapsFromMemory }: { readonly unwrapsFromMemory?: string }): string | undefined {
  return unwrapsFromMemory === undefined ? undefined : `for probe and wrap (${unwrapsFromMemory})`;
}

function oneFault<World extends AsyncDisposable>(
  bench: ConformanceBench<World>,
  register: Register<World>,
  name: FaultName,
  title: string,
  variant: FaultVariant<World>,
): void {
  const codes = codesOf[name];
  const ms = name === "hang" ? time.hang : time.answered;
  register(name, [], async ({ world, provider, another }) => {
    const dek = newDek();
    const state = await probe(provider);
    const wrapped = await wrap(provider, dek, state);
    {
      await using _fault = await variant.on(world);
      for (const [verb, call] of calls(bench, provider, state, dek, wrapped)) {
        await refuses(provider, inTime(ms, call), codes, verb, [dek]);
      }
      // A provider that never reached its KMS: opening it needs no network, so its calls fail in the same way.
      const late = await another().catch(() => undefined);
      if (late !== undefined) await refuses(late, inTime(ms, (call) => late.probe(call)), codes, "first probe");
    }
    assert.deepEqual(await eventually(() => probe(provider)), state);
    assert.deepEqual(await unwrap(provider, await wrap(provider, dek, state)), dek);
    assert.deepEqual(await unwrap(provider, wrapped), dek);
  }, { title, restriction: restriction(bench) });
}

function cancelledCall<World extends AsyncDisposable>(bench: ConformanceBench<World>, register: Register<World>): void {
  const hang = bench.faults.hang;
  register("a call cancelled under way is cancelled", [hang], async ({ world, provider }) => {
    assert.ok(!isCannot(hang) && hang[0] !== undefined);
    const dek = newDek();
    const state = await probe(provider);
    const wrapped = await wrap(provider, dek, state);
    {
      await using _fault = await hang[0].on(world);
      for (const [verb, call] of calls(bench, provider, state, dek, wrapped)) {
        const caller = new AbortController();
        const work = watched(call({ signal: caller.signal }));
        setTimeout(() => caller.abort(), 50);
        await refuses(provider, work, ["cancelled"], verb, [dek]);
      }
    }
    assert.deepEqual(await eventually(() => unwrap(provider, wrapped)), dek);
  }, { restriction: restriction(bench) });
}

type Call = (options: CallOptions) => Promise<unknown>;

function calls<World extends AsyncDisposable>(
  bench: ConformanceBench<World>,
  provider: Provider,
  state: KeyState,
  dek: Uint8Array,
  wrapped: WrappedDek,
): readonly (readonly [string, Call])[] {
  const open: readonly [string, Call] = ["unwrap", (call) => provider.unwrap(wrapped, call)];
  return [
    ["probe", (call) => provider.probe(call)],
    ["wrap", (call) => provider.wrap(dek, state, call)],
    ...(bench.unwrapsFromMemory === undefined ? [open] : []),
  ];
}

/** Makes a call with a deadline and watches that it ends by it. */
async function inTime(ms: number, call: Call): Promise<unknown> {
  using short = deadline(ms);
  return await watched(call(short));
}

async function watched(work: Promise<unknown>): Promise<unknown> {
  const { promise: outlived, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the call outlived its signal")), time.watch);
  try {
    return await Promise.race([work, outlived]);
  } finally {
    clearTimeout(timer);
  }
}
