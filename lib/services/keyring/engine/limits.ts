/**
 * Checks of the calls of an engine, equal for all engines.
 *
 * @module
 */
import { hex } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { engineLimits, type Range, type RowCondition, type RowName, type RowWrite, tables } from "./engine.ts";

/** Maximum of {@linkcode Range.limit}. */
export const maxRangeRows = 10_000;

/** @throws {KeyringError} `internal` for a name that no row can have. */
export function requireNames(names: readonly RowName[]): void {
  if (!names.every(isName)) throw impossible("the name of a row");
}

/** @throws {KeyringError} `internal` for a range that no engine can read. */
export function requireRange({ table, prefix, after, limit }: Range): void {
  const keys = [prefix, after ?? prefix];
  const isPossible = Object.hasOwn(tables, table) && keys.every((key) => key.length <= engineLimits.keyBytes) &&
    Number.isInteger(limit) && limit >= 1 && limit <= maxRangeRows;
  if (!isPossible) throw impossible("a range of rows");
}

/**
 * @throws {KeyringError} `too_large` beyond {@linkcode engineLimits}, `internal` for an impossible name or version, or for
 *   two writes of one row.
 */
export function requireTransaction(conditions: readonly RowCondition[], writes: readonly RowWrite[]): void {
  requireNames(conditions);
  requireNames(writes);
  const isVersion = ({ version }: RowCondition) =>
    version === "absent" || (Number.isSafeInteger(version) && version > 0);
  if (!conditions.every(isVersion)) throw impossible("a condition");
  if (new Set(writes.map(nameText)).size < writes.length) throw impossible("two writes of one row");
  const sizes = writes.map(({ bytes }) => bytes?.length ?? 0);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const { operations, rowBytes, transactionBytes } = engineLimits;
  const isSmall = conditions.length + writes.length <= operations && total <= transactionBytes &&
    sizes.every((size) => size <= rowBytes);
  if (isSmall) return;
  throw new KeyringError(
    "too_large",
    `Cannot write to the store: one transaction holds at most ${operations} operations, ${transactionBytes} bytes, and ` +
      `${rowBytes} bytes in a row; write less at once.`,
  );
}

/** A name as a text, for sets and maps: different names have different texts. */
export function nameText({ table, key }: RowName): string {
  return `${tables[table]}:${hex(key)}`;
}

function isName({ table, key }: RowName): boolean {
  return Object.hasOwn(tables, table) && key.length >= 1 && key.length <= engineLimits.keyBytes;
}

function impossible(what: string): KeyringError {
  return new KeyringError("internal", `The store was given ${what} that cannot be; this is a fault of the program.`);
}
