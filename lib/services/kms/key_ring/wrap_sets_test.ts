import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decryptorsAmong,
  isKnown,
  orphanedSentence,
  orphanedSets,
  requireDecryptors,
  withWrapSet,
  type WrapMember,
  type WrapSet,
  wrapSetsOfHistory,
} from "./wrap_sets.ts";

const member = (name: string, kind = "local"): WrapMember => ({ name, kind });
const set = (...names: string[]): WrapSet => names.map((name) => member(name));

Deno.test("withWrapSet() keeps the smallest sets only", () => {
  const sets = [set("a", "b", "c"), set("a", "b"), set("b", "c"), set("a", "b", "c"), set("b")];
  assert.deepEqual(sets.slice(0, 4).reduce<readonly WrapSet[]>(withWrapSet, []), [set("a", "b"), set("b", "c")]);
  assert.deepEqual(sets.reduce<readonly WrapSet[]>(withWrapSet, []), [set("b")]);
});

const anyName: fc.Arbitrary<string> = fc.constantFrom("a", "b", "c", "d", "e");
const anySet = fc.uniqueArray(anyName, { minLength: 1 }).map((names) => set(...names));
const anyNames = fc.uniqueArray(anyName);

Deno.test("orphanedSets() of the kept sets gives the same result as that of all wrap sets", () => {
  fc.assert(fc.property(fc.array(anySet), anyNames, (sealed, configured) => {
    const kept = sealed.reduce<readonly WrapSet[]>(withWrapSet, []);
    const opens = (one: WrapSet) => one.some(({ name }) => configured.includes(name));
    const lost = orphanedSets(kept, { holders: set(...configured), forgotten: [] });
    assert.equal(lost.length > 0, !sealed.every(opens));
    for (const one of sealed) assert.ok(isKnown(kept, one));
    for (const one of kept) {
      assert.ok(!kept.some((other) => other !== one && isKnown([other], one)), "no set holds another");
    }
  }));
});

Deno.test("orphanedSets() requires the same kind, and accepts a former name", () => {
  const known = [set("a", "b")];
  assert.deepEqual(orphanedSets(known, { holders: [member("a", "vault-transit")], forgotten: [] }), known);
  assert.deepEqual(orphanedSets(known, { holders: [member("b")], forgotten: [] }), []);
});

Deno.test("orphanedSets() forgets a set only if all of it is forgotten", () => {
  const lost = (...forgotten: string[]) => orphanedSets([set("a", "b")], { holders: set("c"), forgotten });
  assert.deepEqual(lost("a"), [set("b")]);
  assert.deepEqual(lost("a", "b"), []);
  assert.deepEqual(lost("c"), [set("a", "b")]);
});

Deno.test("orphanedSets() counts a provider that only wraps neither as a holder nor in its advice", () => {
  const wrapOnly = [member("r", "recovery")];
  const known = [[member("a"), member("r", "recovery")]];
  assert.deepEqual(orphanedSets(known, { holders: set("b"), wrapOnly, forgotten: [] }), [set("a")]);
  assert.deepEqual(orphanedSets(known, { holders: set("b"), wrapOnly, forgotten: ["a"] }), []);
  assert.deepEqual(
    orphanedSets(known, { holders: wrapOnly, forgotten: [] }),
    [],
    "with its private key it is a holder",
  );
});

Deno.test("decryptorsAmong() gives every name of the providers, apart by whether they can unwrap", () => {
  const all = [
    { ...member("a"), formerly: ["old"], canUnwrap: true },
    { ...member("r", "recovery"), formerly: [], canUnwrap: false },
  ];
  const wrapOnly = [member("r", "recovery")];
  assert.deepEqual(decryptorsAmong(all, ["x"]), { holders: set("a", "old"), wrapOnly, forgotten: ["x"] });
});

Deno.test("requireDecryptors() names the missing providers and both remedies", () => {
  assert.doesNotThrow(() => requireDecryptors([], { holders: [], forgotten: [] }));
  assert.throws(() => requireDecryptors([set("a"), set("b", "c")], { holders: set("d"), forgotten: [] }), {
    code: "config",
    message:
      'This node has sealed data that only provider "a" (local) can open, and it is not configured any more: list ' +
      "it under retired:, or, if nothing is left in etcd that was sealed then, write forgotten: [a]. This node has " +
      'sealed data that only one of the providers "b" (local), "c" (local) can open, and none of them is configured ' +
      "any more: list one of them under retired:, or, if nothing is left in etcd that was sealed then, write " +
      "forgotten: [b, c].",
  });
  assert.equal(orphanedSentence([], { holders: [], forgotten: [] }), "");
});

Deno.test("orphanedSentence() names the recovery providers that wrapped too, if they are configured", () => {
  const recovery = [member("safe", "recovery"), member("vault-safe", "recovery")];
  const known = [[member("a"), ...recovery]];
  assert.equal(
    orphanedSentence(known, { holders: set("b"), wrapOnly: recovery, forgotten: [] }),
    'This node has sealed data that only provider "a" (local) can open, and it is not configured any more: list it ' +
      'under retired:, give a private key of "safe" or "vault-safe" with --recovery-key, or, if nothing is left in ' +
      "etcd that was sealed then, write forgotten: [a].",
  );
  assert.doesNotMatch(orphanedSentence(known, { holders: set("b"), forgotten: [] }), /recovery-key/);
});

Deno.test("wrapSetsOfHistory() leaves out providers that were never seen", () => {
  const seen = (name: string, version: string) => ({ ...member(name), version });
  const history = [
    { members: [seen("a", "1"), seen("b", "?")] },
    { members: [seen("a", "1"), seen("b", "1")] },
    { members: [seen("c", "?")] },
  ];
  assert.deepEqual(wrapSetsOfHistory(history).map((one) => one.map(({ name }) => name)), [["a"]]);
});
