import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { systemClock } from "../base/clock.ts";
import { abortError, timeoutReason } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import type { Event } from "../telemetry/events.ts";
import { enforceContract } from "./enforced_contract.ts";
import type { KeyState, Provider, ProviderContext, WrappedDek } from "./provider.ts";
import { Waits } from "../base/waits.ts";

const dek = new Uint8Array(47).fill(7);
const state: KeyState = { version: "v1", order: 1 };
const wrapped: WrappedDek = { version: "v1", ciphertext: new Uint8Array(75) };
const { signal } = new AbortController();

/** A provider with given answers behind the contract checks, and the events that it emitted. */
function bench(
  answers: Partial<Provider>,
  { clock = systemClock, waits = new Waits() }: Partial<ProviderContext> = {},
) {
  const events: Event[] = [];
  const inner: Provider = {
    name: "vault-eu",
    kind: "test",
    canUnwrap: true,
    probe: () => Promise.resolve(state),
    wrap: () => Promise.resolve(wrapped),
    unwrap: () => Promise.resolve(dek),
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ...answers,
  };
  return { events, provider: enforceContract(inner, { notify: (event) => events.push(event), clock, waits }) };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "ok";
  } catch (error) {
    assert.ok(error instanceof KmsError, String(error));
    return error.code;
  }
}

Deno.test("enforceContract() emits one event for each call, with its verb, result and seconds", async () => {
  const { provider, events } = bench({ wrap: () => Promise.reject(new KmsError("throttled", "Slow down.")) });
  await provider.probe({ signal });
  await provider.unwrap(wrapped, { signal });
  await assert.rejects(provider.wrap(dek, state, { signal }));
  const calls = events.map((event) => event.type === "provider_call" ? [event.verb, event.result, event.message] : []);
  assert.deepEqual(calls, [["probe", "ok", undefined], ["unwrap", "ok", undefined], [
    "wrap",
    "throttled",
    "Slow down.",
  ]]);
  for (const event of events) assert.ok(event.type === "provider_call" && event.seconds >= 0 && event.seconds < 60);
});

Deno.test("enforceContract() ends a call when its signal is aborted, even if the provider ignores it", async () => {
  for (const [reason, code] of [[timeoutReason(), "deadline_exceeded"], [undefined, "cancelled"]] as const) {
    const { provider, events } = bench({ unwrap: () => new Promise(() => {}) });
    const controller = new AbortController();
    const answer = codeOf(provider.unwrap(wrapped, { signal: controller.signal }));
    controller.abort(reason);
    assert.equal(await answer, code);
    assert.equal(events.length, 1);
  }
});

Deno.test("enforceContract() makes no call if the signal is already aborted", async () => {
  let calls = 0;
  const { provider, events } = bench({ probe: () => Promise.resolve((calls++, state)) });
  assert.equal(await codeOf(provider.probe({ signal: AbortSignal.abort() })), "cancelled");
  assert.deepEqual([calls, events.length], [0, 0]);
});

Deno.test("enforceContract() turns an unknown error into internal, also a synchronous one", async () => {
  const { provider } = bench({
    wrap: () => Promise.reject(new TypeError("hunter2")),
    probe: () => {
      throw new RangeError("hunter2");
    },
  });
  assert.equal(await codeOf(provider.wrap(dek, state, { signal })), "internal");
  assert.equal(await codeOf(provider.probe({ signal })), "internal");
  await assert.rejects(provider.probe({ signal }), (error: Error) => !error.message.includes("hunter2"));
});

Deno.test("enforceContract() takes the code of an abort from the signal if the provider rethrows it", async () => {
  const controller = new AbortController();
  const { provider } = bench({
    unwrap: () => {
      controller.abort(timeoutReason());
      return Promise.reject(new DOMException("aborted", "AbortError"));
    },
  });
  assert.equal(await codeOf(provider.unwrap(wrapped, { signal: controller.signal })), "deadline_exceeded");
});

Deno.test("enforceContract() passes answers at the limits and refuses larger ones", async () => {
  const versions = [["v".repeat(256), "ok"], ["v".repeat(257), "provider_protocol"], [
    "",
    "provider_protocol",
  ]] as const;
  for (const [version, code] of [...versions, ["é".repeat(129), "provider_protocol"] as const]) {
    const { provider } = bench({
      probe: () => Promise.resolve({ version }),
      wrap: () => Promise.resolve({ ...wrapped, version }),
    });
    assert.equal(await codeOf(provider.probe({ signal })), code);
    assert.equal(await codeOf(provider.wrap(dek, state, { signal })), code);
  }
  for (
    const [length, code] of [[0, "provider_protocol"], [1, "ok"], [4096, "ok"], [4097, "provider_protocol"]] as const
  ) {
    const { provider } = bench({ wrap: () => Promise.resolve({ version: "v1", ciphertext: new Uint8Array(length) }) });
    assert.equal(await codeOf(provider.wrap(dek, state, { signal })), code);
  }
  for (const [length, code] of [[0, "integrity"], [64, "ok"], [65, "integrity"]] as const) {
    const { provider } = bench({ unwrap: () => Promise.resolve(new Uint8Array(length)) });
    assert.equal(await codeOf(provider.unwrap(wrapped, { signal })), code);
  }
  const { provider } = bench({ probe: () => Promise.resolve({ version: "v1", order: NaN }) });
  assert.equal(await codeOf(provider.probe({ signal })), "provider_protocol");
});

Deno.test("enforceContract() refuses a wrapped key that is longer than the maximum of its kind", async () => {
  const lengths = { "test": [4096, 4097], "local": [92, 93] } as const;
  for (const [kind, [fits, tooLong]] of Object.entries(lengths)) {
    const codes = [fits, tooLong].map((length) => {
      const wrap = () => Promise.resolve({ version: "v1", ciphertext: new Uint8Array(length) });
      return codeOf(bench({ kind, wrap }).provider.wrap(dek, state, { signal }));
    });
    assert.deepEqual(await Promise.all(codes), ["ok", "provider_protocol"], kind);
  }
});

Deno.test("enforceContract() names only the server that did not respond", async () => {
  const cases = [
    [
      "from the start",
      0,
      /^Cannot unwrap with provider "vault-eu": Vault at https:\/\/a\.test did not answer within \d/,
    ],
    ["for a moment", 180, /^Cannot unwrap with provider "vault-eu": no answer within the deadline\.$/],
  ] as const;
  for (const [, afterMs, sentence] of cases) {
    const clock = new FakeClock();
    const waits = new Waits(clock);
    const inner: Partial<Provider> = {
      unwrap: async (_, { signal }) => {
        await clock.sleep(afterMs, signal);
        const wait = waits.begin("Vault at https://a.test");
        wait.connected();
        return await new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            wait.end();
            reject(abortError(signal, "ask"));
          })
        );
      },
    };
    const { provider } = bench(inner, { clock, waits });
    const deadline = new AbortController();
    const work = provider.unwrap(wrapped, { signal: deadline.signal });
    await clock.advance(180);
    await clock.advance(20);
    deadline.abort(timeoutReason());
    await assert.rejects(work, (error) => error instanceof KmsError && sentence.test(error.message));
  }
});
