/**
 * The messages between the embedded engine and the thread that holds its database. They are plain data, which can be
 * cloned into a worker.
 *
 * @module
 */

/** The name of a row: number of the table, and key. */
export type SqliteRowName = readonly [table: number, key: Uint8Array];

/** A row. */
export type SqliteRow = readonly [table: number, key: Uint8Array, version: number, bytes: Uint8Array];

/** Rows of a table in the order of their keys, from `from` and before `to`. */
export interface SqliteRange {
  readonly table: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly limit: number;
}

/** A read of rows by name, or of a range. */
export type SqliteRead = { readonly names: readonly SqliteRowName[] } | { readonly range: SqliteRange };

/** A transaction. Version 0 stands for a row that must be absent; a write without bytes deletes its row. */
export interface SqliteTransaction {
  readonly conditions: readonly (readonly [table: number, key: Uint8Array, version: number])[];
  readonly writes: readonly (readonly [table: number, key: Uint8Array, bytes: Uint8Array | undefined])[];
}

/** A failure of SQLite or of the permissions of the program. */
export interface SqliteFailure {
  /** The extended result code; `undefined` if the call did not come as far as SQLite. */
  readonly code: number | undefined;
  /** The name of the error's class. */
  readonly name: string;
}

/** The jobs of the thread: argument and answer. */
export interface SqliteJobs {
  /** Makes a database at the path of an empty file, and closes it. */
  make: {
    argument: {
      readonly path: string;
      readonly storeId: Uint8Array;
      readonly applicationId: number;
      readonly format: number;
    };
    answer: undefined;
  };
  /** Opens a database; `storeId` is `undefined` if its schema is another one. */
  open: {
    argument: { readonly path: string; readonly readOnly: boolean };
    answer: { readonly storeId: Uint8Array | undefined; readonly format: number };
  };
  read: { argument: readonly SqliteRead[]; answer: readonly (readonly (SqliteRow | undefined)[])[] };
  /**
   * Commits transactions together: each that has its conditions. The answer for one is the last version that was given to
   * a row before its writes; each of them that has bytes gets the next one. It is `undefined` for one that was not
   * committed.
   */
  commit: { argument: readonly SqliteTransaction[]; answer: readonly (number | undefined)[] };
  /** Moves the log into the database and empties it. */
  checkpoint: { argument: undefined; answer: { readonly busy: boolean } };
  /** `ok`, or the first complaint. */
  check: { argument: undefined; answer: string };
  /** Begins a read transaction over all rows. */
  snapshot: { argument: undefined; answer: undefined };
  /** The next rows of the snapshot, as many as reach `bytes`; none at its end. */
  rows: { argument: { readonly bytes: number }; answer: readonly SqliteRow[] };
  close: { argument: undefined; answer: undefined };
}

/** A message to the thread. */
export interface SqliteCall<Kind extends keyof SqliteJobs = keyof SqliteJobs> {
  readonly id: number;
  readonly kind: Kind;
  readonly argument: SqliteJobs[Kind]["argument"];
}

/** A message from the thread. */
export type SqliteReply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: SqliteFailure };
