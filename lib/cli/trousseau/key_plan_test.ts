import { deepEqual, doesNotMatch, equal, match, notEqual } from "node:assert/strict";
import fc from "fast-check";
import type { ProviderConfig } from "../../config/config.ts";
import { keyIdOf } from "../../services/kms/key_ring/key_id.ts";
import type { AnnouncedId, RingState } from "../../services/kms/key_ring/state.ts";
import { isGivenUp, planKeyId, planSentence } from "./key_plan.ts";

function provider(name: string, formerly: string[] = []): ProviderConfig {
  return { name, formerly, settings: { kind: "local", name, keyFile: `/${name}`, create: false } };
}

function announced(keyEpoch: number, versions: Record<string, string>): AnnouncedId {
  const members = Object.entries(versions).map(([name, version]) => ({ name, kind: "local", version }));
  return { id: keyIdOf(keyEpoch, members), at: 0, keyEpoch, provisional: false, members };
}

/** The state of a node with these versions and announced IDs. */
function state(versions: Record<string, string>, ...history: AnnouncedId[]): RingState {
  const providers = Object.entries(versions).map(([name, version]) => ({ name, kind: "local", state: { version } }));
  return { format: 1, providers, history };
}

const one = { keyEpoch: 0, providers: [provider("a")] };

Deno.test("planKeyId() of a new node waits for versions", () => {
  const plan = planKeyId(one, undefined);
  deepEqual([plan.verdict, plan.next, plan.freshEpoch], ["first", undefined, 1]);
  match(planSentence(plan), /needs the version of "a"/);
  equal(planKeyId(one, undefined, new Map([["a", { version: "1" }]])).next, announced(0, { a: "1" }).id);
});

Deno.test("planKeyId() reports no change, in any order of the providers", () => {
  const node = state({ a: "1", b: "1" }, announced(0, { a: "1", b: "1" }));
  equal(planKeyId({ keyEpoch: 0, providers: [provider("b"), provider("a")] }, node).verdict, "same");
});

Deno.test("planKeyId() detects a rotation, an added provider and a removed one", () => {
  const node = state({ a: "1" }, announced(0, { a: "1" }));
  equal(planKeyId(one, node, new Map([["a", { version: "2" }]])).verdict, "new");
  equal(planKeyId({ keyEpoch: 0, providers: [provider("a"), provider("b")] }, node).verdict, "unseen");
  const two = state({ a: "1", b: "1" }, announced(0, { a: "1", b: "1" }));
  equal(planKeyId(one, two).verdict, "new");
});

Deno.test("planKeyId() uses the version of a provider that was renamed, under another ID", () => {
  const node = state({ old: "1" }, announced(0, { old: "1" }));
  const plan = planKeyId({ keyEpoch: 0, providers: [provider("a", ["old"])] }, node);
  deepEqual(plan.members, [{ name: "a", kind: "local", version: "1" }]);
  equal(plan.verdict, "new");
});

Deno.test("planKeyId() does not return to a version that is older by its order", () => {
  const node: RingState = {
    format: 1,
    providers: [{ name: "a", kind: "local", state: { version: "2", order: 2 } }],
    history: [announced(0, { a: "1" }), announced(0, { a: "2" })],
  };
  equal(planKeyId(one, node, new Map([["a", { version: "1", order: 1 }]])).verdict, "same");
});

Deno.test("planKeyId() does not return to a replaced version, if versions have no order", () => {
  const node = state({ a: "2" }, announced(0, { a: "1" }), announced(0, { a: "2" }));
  equal(planKeyId(one, node, new Map([["a", { version: "1" }]])).verdict, "same");
  equal(planKeyId(one, node, new Map([["a", { version: "3" }]])).verdict, "new");
});

Deno.test("planKeyId() returns to an old version under a new name, as the key ring does", () => {
  const node: RingState = {
    format: 1,
    providers: [{ name: "old", kind: "local", state: { version: "2", order: 2 } }],
    history: [announced(0, { old: "1" }), announced(0, { old: "2" })],
  };
  const renamed = { keyEpoch: 0, providers: [provider("a", ["old"])] };
  const plan = planKeyId(renamed, node, new Map([["a", { version: "1", order: 1 }]]));
  deepEqual([plan.verdict, plan.members[0]?.version], ["new", "1"]);
});

Deno.test("planKeyId() refuses an ID that was announced before, and returns an epoch under which none repeats", () => {
  const history = [announced(0, { a: "1" }), announced(3, { a: "1" })];
  const plan = planKeyId(one, state({ a: "1" }, ...history));
  equal(plan.verdict, "returns");
  equal(plan.freshEpoch, 4);
  match(planSentence(plan), /keyEpoch: 4 on every node/);
  equal(planKeyId({ ...one, keyEpoch: 4 }, state({ a: "1" }, ...history)).verdict, "new");
});

Deno.test("planKeyId() finds that no ID of any history repeats under the fresh epoch", () => {
  const versions = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.constantFrom("1", "2"), { minKeys: 1 });
  const past = fc.array(fc.tuple(fc.nat(3), versions), { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(past, versions, fc.nat(3), (entries, now, keyEpoch) => {
    const history = entries.map(([epoch, members]) => announced(epoch, members));
    const providers = Object.keys(now).map((name) => provider(name));
    const node = state(now, ...history);
    const { freshEpoch, next, verdict } = planKeyId({ keyEpoch, providers }, node);
    equal(verdict === "returns", history.slice(0, -1).some(({ id }) => id === next) && history.at(-1)?.id !== next);
    const fresh = planKeyId({ keyEpoch: freshEpoch, providers }, node);
    equal(fresh.verdict, "new");
    for (const { id } of history) notEqual(fresh.next, id);
  }));
});

Deno.test("planSentence() does not promise a rewrite of data that cannot be decrypted", () => {
  const plan = planKeyId(one, state({ a: "1" }, announced(0, { a: "1" })), new Map([["a", { version: "2" }]]));
  match(planSentence(plan), /will change .* objects are rewritten at their next update/);
  match(planSentence(plan, "refused"), /would change .* what cannot be opened cannot be rewritten/);
});

Deno.test("isGivenUp() is true if no provider remains that decrypts data sealed under the announced key ID", () => {
  const plan = planKeyId(one, state({ a: "1", b: "1" }, announced(0, { a: "1", b: "1" })), new Map());
  const opener = (name: string) => ({ name, kind: "local" });
  const givenUp = (holders: string[], forgotten: string[]) =>
    isGivenUp(plan, { holders: holders.map(opener), forgotten });
  deepEqual([givenUp(["a"], ["b"]), givenUp(["b"], ["a@1"]), givenUp(["c"], ["a", "b"])], [false, false, true]);
  deepEqual([givenUp(["a", "b"], ["a@1", "b@1"]), givenUp(["a"], ["a@1"])], [true, true]);
  const wrapOnly = [opener("b")];
  equal(isGivenUp(plan, { holders: [], wrapOnly, forgotten: ["a"] }), true, "one that only wraps opens nothing");
  equal(isGivenUp(planKeyId(one, undefined), { holders: [], forgotten: [] }), false);
  doesNotMatch(planSentence(plan, "given_up"), /objects are rewritten/);
  match(planSentence(plan, "given_up"), /^The key ID will change from t1-.* which forgotten gives up, can be neither/);
});
