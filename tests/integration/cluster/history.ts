/**
 * The properties of the announced IDs of a node, which hold in every run.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { AnnouncedId, RingState } from "../../../lib/services/kms/key_ring/state.ts";
import type { ModelKms } from "./model_kms.ts";

/** Checks that each ID differs from its predecessor by a rotation, a provider's first answer, or the configuration. */
export function checkHistory(state: RingState | undefined, kms: readonly ModelKms[]): void {
  const [before, after] = state?.history.slice(-2) ?? [];
  if (before === undefined || after === undefined) return;
  const sameNames =
    memberKey(before.members.map(({ name }) => name)) === memberKey(after.members.map(({ name }) => name));
  let grown = 0;
  for (const { name } of after.members) {
    const [from, to] = [numberOf(before, name), numberOf(after, name)];
    const newest = kms.find((one) => one.name === name)?.version ?? 0;
    if (from === undefined || to === undefined) continue;
    assert.ok(to >= from, `the version of "${name}" that counts never goes back, nor is forgotten: ${from} to ${to}`);
    assert.ok(to <= newest, "a version that counts is one of the KMS");
    if (to > from) grown++;
  }
  if (sameNames && before.keyEpoch === after.keyEpoch) assert.ok(grown > 0, "a key ID changes for a reason");
}

/** The version number of a provider in an ID: 0 if it was never seen, `undefined` if it is not a member. */
export function numberOf({ members }: AnnouncedId, name: string): number | undefined {
  const version = members.find((member) => member.name === name)?.version;
  return version === undefined ? undefined : version === "?" ? 0 : Number(version.slice(1));
}

/** A key for a set of names, independent of their order. */
export function memberKey(members: readonly string[]): string {
  return members.toSorted().join();
}
