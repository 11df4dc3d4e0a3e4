/**
 * The rows in the messages of the thread, and the rows and marks in memory that they change.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import { type StoredRow, type TableName, tables } from "./engine.ts";
import type { RangeMarks } from "./range_marks.ts";
import type { SealedRowCache } from "./sealed_row_cache.ts";
import type { SqliteJobs, SqliteRow } from "./sqlite_jobs.ts";

const tableNames: ReadonlyMap<number, TableName> = new Map(
  Object.entries(tables).map(([name, number]) => [number, name as TableName]),
);

/** A row of a message. @throws {KeyringError} `integrity` for an unknown table. */
export function storedRow([table, key, version, bytes]: SqliteRow): StoredRow {
  return { table: tableOf(table), key, version, bytes };
}

/** Takes over the rows that were read by name. Call it for each answer in the order of the thread's jobs. */
export function noteRead(
  cache: SealedRowCache,
  jobs: SqliteJobs["read"]["argument"],
  answers: SqliteJobs["read"]["answer"] = [],
): void {
  for (const [index, rows] of answers.entries()) {
    const job = jobs[index];
    if (job === undefined || !("names" in job)) continue;
    for (const [at, [table, key]] of job.names.entries()) {
      const row = rows[at];
      cache.set({ table: tableOf(table), key }, row && storedRow(row));
    }
  }
}

/**
 * Takes over the rows that transactions have written, in the same order.
 *
 * @param answers `undefined` after a failure: then it is not known which of the rows are in the database.
 */
export function noteCommit(
  { rows, marks }: { readonly rows: SealedRowCache; readonly marks: RangeMarks },
  jobs: SqliteJobs["commit"]["argument"],
  answers: SqliteJobs["commit"]["answer"] | undefined,
): void {
  if (answers === undefined) {
    marks.allChanged();
    return rows.clear();
  }
  for (const [index, { writes }] of jobs.entries()) {
    let version = answers[index];
    if (version === undefined) continue;
    for (const [number, key, bytes] of writes) {
      const table = tableOf(number);
      marks.changed([{ table, key }]);
      rows.set({ table, key }, bytes && { table, key, bytes, version: ++version });
    }
  }
}

function tableOf(table: number): TableName {
  const name = tableNames.get(table);
  if (name !== undefined) return name;
  throw new KeyringError("integrity", `The store holds a row of table ${table}, which is unknown.`);
}
