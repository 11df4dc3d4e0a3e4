import { deepEqual, doesNotThrow, equal, ok, throws } from "node:assert/strict";
import { timeoutReason } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import type { Provider } from "../provider/provider.ts";
import { MemoryProvider, memoryProviders } from "../../tests/support/memory_provider.ts";
import { quorumSize, requireQuorum, wrapByAll, type WrapReport } from "./quorum.ts";
import { newDek, taggedDek } from "./seal.ts";

const never = new AbortController().signal;
const bytes = taggedDek(newDek(), "v2");

function members(...providers: readonly Provider[]) {
  return providers.map((provider) => ({ provider }));
}

function report(wraps: number, ...failures: readonly KmsError[]): WrapReport {
  const wrap = (_: unknown, index: number) => ({ name: `w${index}`, version: "1", ciphertext: Uint8Array.of(1) });
  return {
    wraps: Array.from({ length: wraps }, wrap),
    counted: wraps,
    failures: new Map(failures.map((error, index) => [`f${index}`, error])),
  };
}

function thrownBy(work: () => void): KmsError {
  try {
    work();
  } catch (thrown) {
    ok(thrown instanceof KmsError);
    return thrown;
  }
  throw new Error("It was enough.");
}

Deno.test("quorumSize() is at least one and at most the number of providers", () => {
  deepEqual([quorumSize("all", 3), quorumSize("any", 3)], [3, 1]);
  deepEqual([0, 1, 2, 3, 4].map((quorum) => quorumSize(quorum, 3)), [1, 1, 2, 3, 3]);
});

Deno.test("wrapByAll() gives the wraps in the order of the members, and counts them as they come", async () => {
  const providers = memoryProviders("a", "b", "c");
  const counted: number[] = [];
  const { wraps, failures } = await wrapByAll(bytes, members(...providers), {
    signal: never,
    onWrap: (count) => void counted.push(count),
  });
  deepEqual(wraps.map(({ name, version }) => [name, version]), [["a", "v1"], ["b", "v1"], ["c", "v1"]]);
  deepEqual([failures.size, counted], [0, [1, 2, 3]]);
  for (const [index, wrap] of wraps.entries()) {
    deepEqual(await providers[index]?.unwrap(wrap, { signal: never }), bytes);
  }
});

Deno.test("wrapByAll() wraps under the version it is given, and asks for one where it is given none", async () => {
  const provider = new MemoryProvider("a");
  provider.rotate();
  const wrapped = async (at?: { readonly version: string }) =>
    (await wrapByAll(bytes, [{ provider, ...(at && { at }) }], { signal: never })).wraps[0]?.version;
  equal(await wrapped({ version: "v1" }), "v1");
  equal(provider.calls.probe, 0);
  equal(await wrapped(), "v2");
  equal(provider.calls.probe, 1);
});

Deno.test("wrapByAll() says who failed with what, and gives the others' wraps", async () => {
  const providers = memoryProviders("a", "b", "c", "d");
  providers[0]?.faults.set("probe", "permission_denied");
  providers[1]?.faults.set("wrap", "unreachable");
  providers[2]?.faults.set("unwrap", "key_unusable");
  const { wraps, failures } = await wrapByAll(bytes, members(...providers), { signal: never });
  deepEqual(wraps.map(({ name }) => name), ["d"]);
  deepEqual(
    new Map([...failures].map(([name, { code }]) => [name, code])),
    new Map([["a", "permission_denied"], ["b", "unreachable"], ["c", "key_unusable"]]),
  );
});

Deno.test("wrapByAll() takes no wrap that its own provider opens to other bytes", async () => {
  for (const verb of ["wrap", "unwrap"] as const) {
    const provider = new MemoryProvider("a");
    provider.faults.set(verb, "wrong");
    const { wraps, failures } = await wrapByAll(bytes, members(provider), { signal: never });
    deepEqual([wraps, failures.get("a")?.code], [[], "provider_protocol"]);
  }
});

Deno.test("wrapByAll() lends each provider a copy of the bytes", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  const given = bytes.slice();
  const wiping: Provider = {
    ...a,
    name: "a",
    kind: "memory",
    canUnwrap: true,
    probe: (call) => a.probe(call),
    wrap: async (dek, at, call) => {
      const wrapped = await a.wrap(dek, at, call);
      dek.fill(0);
      return wrapped;
    },
    unwrap: (wrapped, call) => a.unwrap(wrapped, call),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { wraps } = await wrapByAll(given, members(wiping, b), { signal: never });
  deepEqual(wraps.map(({ name }) => name), ["a", "b"]);
  deepEqual(given, bytes);
});

Deno.test("wrapByAll() ends with its signal, whichever call a provider is at", async () => {
  for (const verb of ["probe", "wrap", "unwrap"] as const) {
    const deaf = deafAt(verb);
    const caller = new AbortController();
    const waiting = wrapByAll(bytes, members(deaf), { signal: caller.signal });
    await new Promise(setImmediate);
    caller.abort(timeoutReason());
    const { wraps, failures } = await waiting;
    const { code, message } = failures.get("a") ?? {};
    deepEqual([wraps.length, code], [0, "deadline_exceeded"]);
    equal(message, 'Cannot wrap with provider "a": no answer within the deadline.');
  }
});

/** A provider that neither answers this verb nor heeds its signal. */
function deafAt(verb: "probe" | "wrap" | "unwrap"): Provider {
  const inner = new MemoryProvider("a");
  const silence = () => new Promise<never>(() => {});
  return {
    name: "a",
    kind: "memory",
    canUnwrap: true,
    probe: (call) => inner.probe(call),
    wrap: (dek, at, call) => inner.wrap(dek, at, call),
    unwrap: (wrapped, call) => inner.unwrap(wrapped, call),
    [Symbol.asyncDispose]: () => Promise.resolve(),
    [verb]: silence,
  };
}

Deno.test("wrapByAll() waits for the error of a provider that heeds the signal, for it may name the silent server", async () => {
  for (const verb of ["probe", "wrap", "unwrap"] as const) {
    const caller = new AbortController();
    const named = new KmsError("deadline_exceeded", "Vault at https://a.test did not answer within 3 s.");
    const naming: Provider = {
      ...deafAt(verb),
      [verb]: (...given: readonly unknown[]) =>
        new Promise((_, reject) => {
          const { signal } = given.at(-1) as { readonly signal: AbortSignal };
          signal.addEventListener("abort", () => queueMicrotask(() => reject(named)));
        }),
    };
    const waiting = wrapByAll(bytes, members(naming), { signal: caller.signal });
    await new Promise(setImmediate);
    caller.abort(timeoutReason());
    equal((await waiting).failures.get("a"), named);
  }
});

Deno.test("requireQuorum() lets a report pass that has as many wraps as are needed, whoever failed", () => {
  const error = new KmsError("unreachable", "No route.");
  doesNotThrow(() => requireQuorum(report(1, error), 1));
  doesNotThrow(() => requireQuorum(report(2), 1));
  throws(() => requireQuorum(report(1, error), 2), { code: "quorum_not_reached" });
});

Deno.test("requireQuorum() throws the only provider's own error where one wrap is needed of one", () => {
  const [one, other] = [new KmsError("unreachable", "No route."), new KmsError("key_unknown", "No key.")];
  equal(thrownBy(() => requireQuorum(report(0, one), 1)), one);
  const both = thrownBy(() => requireQuorum(report(0, one, other), 1));
  deepEqual([both.code, both.members], ["quorum_not_reached", [one, other]]);
  equal(both.message, "Cannot wrap: 0 of 1 needed providers did. No route. No key.");
  const half = thrownBy(() => requireQuorum(report(1, one), 2));
  deepEqual([half.code, half.members], ["quorum_not_reached", [one]]);
  equal(half.message, "Cannot wrap: 1 of 2 needed providers did. No route.");
  equal(thrownBy(() => requireQuorum(report(0), 1)).message, "Cannot wrap: 0 of 1 needed providers did.");
});
