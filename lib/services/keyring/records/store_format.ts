/**
 * The format of a store: a number in a record of its own, and the steps from an older one.
 *
 * @module
 */
import { utf8 } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { isCount, jsonBytes, jsonMembers } from "./json_record.ts";
import type { RecordCodec, RecordStore } from "./records.ts";

/** The content of the format's record. */
export interface StoreFormat {
  readonly format: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** The part of a store that a step uses. */
export type MigratedStore = Pick<RecordStore, "reader" | "transaction">;

/** A step from the format below a number to that number. It may run again after it was interrupted. */
export interface Migration {
  readonly to: number;
  run(store: MigratedStore, signal: AbortSignal): Promise<void>;
}

/** The steps of this version: none, as there is one format so far. */
export const migrations: readonly Migration[] = [];

/** The row key of a single record of the table `meta`. */
export function metaKey(name: "format" | "reseal"): Uint8Array {
  return utf8(name);
}

/** The format of a store that these steps lead to. */
export function newestFormat(steps: readonly Migration[]): number {
  return Math.max(1, ...steps.map(({ to }) => to));
}

/** The format's record. */
export const formatCodec: RecordCodec<StoreFormat> = {
  table: "meta",
  encode: jsonBytes,
  decode: (bytes) => {
    const { format, createdAt } = jsonMembers(bytes) ?? {};
    return isCount(format) && isCount(createdAt) ? { format, createdAt } : undefined;
  },
};

/**
 * Runs the steps that a store lacks, each followed by a note of its number.
 *
 * @throws {KeyringError} `store_unavailable` if a later version wrote the store; `integrity` if it has no format.
 */
export async function migrate(
  store: MigratedStore,
  steps: readonly Migration[],
  signal: AbortSignal,
): Promise<void> {
  const found = await store.reader(signal).get(formatCodec, metaKey("format"));
  if (!found) throw new KeyringError("integrity", "The store has keys and no format: it was changed or damaged.");
  if (found.value.format > newestFormat(steps)) throw laterFormat(found.value.format);
  for (const step of steps.filter(({ to }) => to > found.value.format).toSorted((one, other) => one.to - other.to)) {
    await step.run(store, signal);
    await store.transaction(async (tx) => {
      const current = await tx.get(formatCodec, metaKey("format"));
      const createdAt = current?.value.createdAt ?? found.value.createdAt;
      tx.put(formatCodec, metaKey("format"), { format: step.to, createdAt });
    }, signal);
  }
}

function laterFormat(format: number): KeyringError {
  const message = `The store has format ${format}, which a newer version of Trousseau wrote; start that version, or ` +
    "restore a backup that this version made.";
  return new KeyringError("store_unavailable", message);
}
