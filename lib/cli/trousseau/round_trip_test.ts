import { deepEqual, equal } from "node:assert/strict";
import { MemoryProvider, WrapOnlyProvider } from "../../../tests/support/memory_provider.ts";
import { quorumOf } from "./check.ts";
import { roundTrip } from "./round_trip.ts";

/** A check of a provider in memory instead of the configured one. */
function tripOf(provider: MemoryProvider) {
  const settings = { kind: "local", name: provider.name, keyFile: "/absent", create: false } as const;
  return roundTrip({ name: provider.name, settings }, {
    stateFolder: "/absent",
    signal: new AbortController().signal,
    last: "unwrap",
    knownVersions: [],
    counts: (live) => live,
    versions: [],
    sentinels: [],
    open: () => Promise.resolve(provider),
  });
}

Deno.test("roundTrip() ends with the wrap for a provider that only wraps", async () => {
  const outcomes = async (provider: MemoryProvider) =>
    (await tripOf(provider)).steps.map(({ step, result }) => `${step} ${result}`);
  deepEqual(await outcomes(new MemoryProvider("a")), ["open ok", "probe ok", "wrap ok", "unwrap ok"]);
  const recovery = new WrapOnlyProvider("r");
  deepEqual(await outcomes(recovery), ["open ok", "probe ok", "wrap ok"]);
  equal(recovery.calls.unwrap, 0);
});

Deno.test("quorumOf() counts only providers that can unwrap", () => {
  const step = (result: "ok" | "unreachable") => ({ step: "wrap", result, ms: 1, message: "" }) as const;
  const trips = [
    { kind: "vault-transit", steps: [step("ok")] },
    { kind: "aws-kms", steps: [step("unreachable")] },
    { kind: "local", steps: [step("ok")] },
  ] as const;
  deepEqual(quorumOf("all", trips), { needed: 3, reached: 2 });
  deepEqual(quorumOf("all", trips, ({ kind }) => kind !== "local"), { needed: 2, reached: 1 });
  deepEqual(quorumOf("all", trips, () => false), { needed: 1, reached: 0 }, "nothing that can unwrap is no quorum");
});
