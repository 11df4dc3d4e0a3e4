/**
 * The difference of two versions of a secret.
 *
 * @module
 */
import { equalBytes } from "../../../base/bytes.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import type { SecretDiff } from "./model.ts";

/** The names of the fields that differ, in order. */
export function diffOf(before: readonly SecretField[], after: readonly SecretField[]): SecretDiff {
  const old = new Map(before.map((field) => [field.name, field]));
  const kept = after.filter(({ name }) => old.has(name));
  const isSame = ({ name, kind, value }: typeof kept[number]) =>
    old.get(name)?.kind === kind && equalBytes(old.get(name)?.value ?? new Uint8Array(0), value);
  const names = (fields: typeof kept) => fields.map(({ name }) => name).toSorted();
  return {
    added: names(after.filter(({ name }) => !old.has(name))),
    removed: names(before.filter(({ name }) => !after.some((field) => field.name === name))),
    changed: names(kept.filter((field) => !isSame(field))),
    same: names(kept.filter(isSame)),
  };
}
