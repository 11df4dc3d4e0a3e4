import assert from "node:assert/strict";
import { foreignState } from "./foreign_state.ts";
import type { Decryptors } from "./wrap_sets.ts";
import type { RingState } from "./state.ts";

const local = { name: "local", kind: "local" };
const vault = { name: "vault", kind: "vault-transit" };

function decryptors(...holders: Decryptors["holders"]): Decryptors {
  return { holders, forgotten: [] };
}

function stateOf(...members: Decryptors["holders"]): RingState {
  const seen = members.map((member) => ({ ...member, version: "1" }));
  const history = [{ id: "t1-0", at: 1, keyEpoch: 0, provisional: false, members: seen }];
  return { format: 1, providers: [], history };
}

function isForeign(state: RingState | undefined, given: Decryptors): boolean {
  return foreignState(state, given, "/s") !== undefined;
}

Deno.test("foreignState() accepts a state if it shares a provider with the configuration, by name and kind", () => {
  assert.ok(!isForeign(undefined, decryptors(local)));
  assert.ok(!isForeign({ format: 1, providers: [], history: [] }, decryptors(local)));
  assert.ok(!isForeign(stateOf(local, vault), decryptors(local)));
  assert.ok(isForeign(stateOf(vault), decryptors(local)));
  assert.ok(isForeign(stateOf({ ...vault, name: "local" }), decryptors(local)), "another kind is another provider");
  const known = { ...vault, state: { version: "1" } };
  assert.ok(!isForeign({ ...stateOf(local), providers: [known] }, decryptors(vault)));
  assert.ok(!isForeign({ ...stateOf(local), sealedBy: [[vault]] }, decryptors(vault)));
});

Deno.test("foreignState() accepts a state if it shares a provider that only wraps with the configuration", () => {
  const recovery = { name: "r", kind: "recovery" };
  const given = { ...decryptors(local), wrapOnly: [recovery] };
  assert.ok(!isForeign(stateOf(vault, recovery), given), "orphanedSets() refuses it, with a better sentence");
  assert.ok(isForeign(stateOf(vault), given));
});

Deno.test("foreignState() accepts a state without sealed data, or with providers under forgotten", () => {
  const unseen = stateOf(vault);
  const members = [{ ...vault, version: "?" }];
  assert.ok(!isForeign({ ...unseen, history: unseen.history.map((one) => ({ ...one, members })) }, decryptors(local)));
  assert.ok(!isForeign(stateOf(vault), { holders: [local], forgotten: ["vault"] }));
});

Deno.test("foreignState() refuses a state with any other provider for the embedded default", () => {
  const embedded: Decryptors = { ...decryptors(local), embedded: true };
  assert.ok(!isForeign(stateOf(local), embedded));
  assert.ok(isForeign(stateOf(local, vault), embedded));
});

Deno.test("foreignState() names the other providers once and the folder, and never advises to forget them", () => {
  const error = foreignState({ ...stateOf(vault), sealedBy: [[vault]] }, decryptors(local), "/var/lib/trousseau");
  assert.equal(error?.code, "config");
  assert.match(error.message, /^The state of this node in \/var\/lib\/trousseau is another configuration's, with /);
  assert.equal(error.message.split('"vault" (vault-transit)').length, 2);
  assert.doesNotMatch(error.message, /forgotten/);
});
