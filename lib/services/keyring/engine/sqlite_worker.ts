/**
 * The code of the thread that holds the database. {@linkcode sqliteWorkerSource} makes the text of a module from these
 * functions, which therefore refer to each other, to their arguments and to the runtime alone. A program in one file has
 * no other module that a worker could load.
 *
 * @module
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type {
  SqliteCall,
  SqliteJobs,
  SqliteRange,
  SqliteRow,
  SqliteRowName,
  SqliteTransaction,
} from "./sqlite_jobs.ts";

/** The class of `node:sqlite`. */
export type SqliteDatabase = new (path: string, options?: { readOnly?: boolean }) => DatabaseSync;

/** The state of the thread. */
interface Held {
  database: DatabaseSync | undefined;
  statements: Map<string, StatementSync>;
  /** The last version that was given to a row. */
  version: number;
  /** Versions up to this one may be given without writing to the header. */
  reserved: number;
  snapshot: Iterator<Record<string, SQLOutputValue>> | undefined;
}

/** The functions of this module that a worker needs, and the one that it starts with. */
const parts = [
  statementOf,
  allOf,
  makeDatabase,
  openDatabase,
  storeIdOf,
  readNames,
  readRange,
  hasConditions,
  writeRows,
  reserveVersions,
  commitTogether,
  checkpointLog,
  checkDatabase,
  beginSnapshot,
  nextRows,
  closeDatabase,
  doJob,
  serveDatabase,
] as const;

/** The text of the worker's module. */
export function sqliteWorkerSource(): string {
  const text = parts.map((part) => part.toString()).join("\n");
  return `import { DatabaseSync } from "node:sqlite";\n${text}\n${serveDatabase.name}(DatabaseSync, globalThis);\n`;
}

/** Errors of `exec` have no result code, those of a prepared statement do. */
function statementOf(held: Held, sql: string): StatementSync {
  const { database, statements } = held;
  if (database === undefined) throw new TypeError("no database is open");
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const prepared = database.prepare(sql);
  statements.set(sql, prepared);
  return prepared;
}

function allOf(held: Held, sql: string, ...values: SQLInputValue[]): Record<string, SQLOutputValue>[] {
  return statementOf(held, sql).all(...values);
}

function makeDatabase(held: Held, Database: SqliteDatabase, argument: SqliteJobs["make"]["argument"]): void {
  held.database = new Database(argument.path);
  allOf(held, "PRAGMA auto_vacuum = INCREMENTAL");
  allOf(held, `PRAGMA application_id = ${argument.applicationId}`);
  allOf(held, `PRAGMA user_version = ${argument.format}`);
  allOf(held, "PRAGMA journal_mode = WAL");
  allOf(held, "PRAGMA synchronous = FULL");
  allOf(
    held,
    "CREATE TABLE header (id INTEGER PRIMARY KEY, store BLOB NOT NULL, versions INTEGER NOT NULL) STRICT",
  );
  allOf(
    held,
    "CREATE TABLE row (tbl INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL, bytes BLOB NOT NULL, " +
      "PRIMARY KEY (tbl, key)) STRICT, WITHOUT ROWID",
  );
  allOf(held, "INSERT INTO header VALUES (1, ?, 0)", argument.storeId);
  closeDatabase(held);
}

function openDatabase(held: Held, Database: SqliteDatabase, argument: SqliteJobs["open"]["argument"]) {
  held.database = new Database(argument.path, { readOnly: argument.readOnly });
  allOf(held, "PRAGMA busy_timeout = 5000");
  allOf(held, "PRAGMA trusted_schema = OFF");
  // 16 MiB: rows of random keys change pages all over the database.
  allOf(held, "PRAGMA cache_size = -16384");
  allOf(held, "PRAGMA cell_size_check = ON");
  if (!argument.readOnly) {
    allOf(held, "PRAGMA journal_mode = WAL");
    allOf(held, "PRAGMA synchronous = FULL");
    allOf(held, "PRAGMA secure_delete = ON");
  }
  const [version] = allOf(held, "PRAGMA user_version");
  return { storeId: storeIdOf(held), format: Number(version?.user_version) };
}

function storeIdOf(held: Held): Uint8Array | undefined {
  // A trigger or a view of somebody else's would run with each write.
  const schema = allOf(held, "SELECT type, name FROM sqlite_schema ORDER BY name").map(({ type, name }) =>
    `${type} ${name}`
  );
  if (schema.join() !== "table header,table row") return undefined;
  const [header] = allOf(held, "SELECT store, versions FROM header WHERE id = 1");
  const { store, versions } = header ?? {};
  if (!(store instanceof Uint8Array) || store.length !== 16 || typeof versions !== "number") return undefined;
  held.version = held.reserved = versions;
  return store;
}

function readNames(held: Held, names: readonly SqliteRowName[]): (SqliteRow | undefined)[] {
  return names.map(([table, key]) => {
    const [row] = allOf(held, "SELECT version, bytes FROM row WHERE tbl = ? AND key = ?", table, key);
    return row && ([table, key, Number(row.version), row.bytes] as SqliteRow);
  });
}

function readRange(held: Held, { table, from, to, limit }: SqliteRange): SqliteRow[] {
  const sql = "SELECT key, version, bytes FROM row WHERE tbl = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?";
  return allOf(held, sql, table, from, to, limit).map((row) =>
    [table, row.key, Number(row.version), row.bytes] as SqliteRow
  );
}

function hasConditions(held: Held, { conditions }: SqliteTransaction): boolean {
  return conditions.every(([table, key, version]) => {
    const [row] = allOf(held, "SELECT version FROM row WHERE tbl = ? AND key = ?", table, key);
    return Number(row?.version ?? 0) === version;
  });
}

function writeRows(held: Held, { writes }: SqliteTransaction): void {
  for (const [table, key, bytes] of writes) {
    if (bytes === undefined) allOf(held, "DELETE FROM row WHERE tbl = ? AND key = ?", table, key);
    else {
      const sql = "INSERT INTO row VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version, " +
        "bytes = excluded.bytes";
      allOf(held, sql, table, key, ++held.version, bytes);
    }
  }
}

/** The header has a version that is not yet given out, so that it is not written in each transaction. */
function reserveVersions(held: Held, count: number): number {
  if (held.version + count <= held.reserved) return held.reserved;
  const reserved = held.version + count + 1_000_000;
  allOf(held, "UPDATE header SET versions = ? WHERE id = 1", reserved);
  return reserved;
}

function commitTogether(held: Held, transactions: readonly SqliteTransaction[]): (number | undefined)[] {
  allOf(held, "BEGIN IMMEDIATE");
  try {
    const reserved = reserveVersions(held, transactions.reduce((sum, { writes }) => sum + writes.length, 0));
    const committed = transactions.map((transaction) => {
      if (!hasConditions(held, transaction)) return undefined;
      const before = held.version;
      writeRows(held, transaction);
      return before;
    });
    allOf(held, "COMMIT");
    held.reserved = reserved;
    return committed;
  } catch (thrown) {
    // A full disk has rolled back by itself.
    if (held.database?.isTransaction) allOf(held, "ROLLBACK");
    throw thrown;
  }
}

function checkpointLog(held: Held) {
  // Gives freed pages back in steps of 4 MiB, since other jobs wait meanwhile.
  allOf(held, "PRAGMA incremental_vacuum(1024)");
  // A reader would hold the thread for the whole time-out, and the caller tries again.
  allOf(held, "PRAGMA busy_timeout = 0");
  const [row] = allOf(held, "PRAGMA wal_checkpoint(TRUNCATE)");
  allOf(held, "PRAGMA busy_timeout = 5000");
  return { busy: row?.busy !== 0 };
}

function checkDatabase(held: Held): string {
  const [row] = allOf(held, "PRAGMA quick_check(1)");
  return `${row?.quick_check}`;
}

function beginSnapshot(held: Held): void {
  allOf(held, "BEGIN");
  // The transaction sees the database as it is at its first read.
  allOf(held, "SELECT id FROM header");
  held.snapshot = statementOf(held, "SELECT tbl, key, version, bytes FROM row ORDER BY tbl, key").iterate();
}

function nextRows(held: Held, bytes: number): SqliteRow[] {
  const rows: SqliteRow[] = [];
  for (let size = 0; size < bytes;) {
    const next = held.snapshot?.next();
    if (next === undefined || next.done === true) break;
    const row = [next.value.tbl, next.value.key, next.value.version, next.value.bytes] as unknown as SqliteRow;
    rows.push(row);
    size += row[1].length + row[3].length;
  }
  return rows;
}

function closeDatabase(held: Held): void {
  held.snapshot?.return?.();
  held.statements.clear();
  held.database?.close();
  held.database = undefined;
}

function doJob(held: Held, Database: SqliteDatabase, call: SqliteCall): unknown {
  const argumentOf = <Kind extends keyof SqliteJobs>(_: Kind) => call.argument as SqliteJobs[Kind]["argument"];
  switch (call.kind) {
    case "make":
      return makeDatabase(held, Database, argumentOf("make"));
    case "open":
      return openDatabase(held, Database, argumentOf("open"));
    case "read":
      return argumentOf("read").map((one) => "names" in one ? readNames(held, one.names) : readRange(held, one.range));
    case "commit":
      return commitTogether(held, argumentOf("commit"));
    case "checkpoint":
      return checkpointLog(held);
    case "check":
      return checkDatabase(held);
    case "snapshot":
      return beginSnapshot(held);
    case "rows":
      return nextRows(held, argumentOf("rows").bytes);
    case "close":
      return closeDatabase(held);
  }
}

/** Answers the messages of the engine in their order. */
export function serveDatabase(
  Database: SqliteDatabase,
  port: {
    onmessage?: ((event: MessageEvent<SqliteCall>) => void) | null;
    postMessage(message: unknown): void;
  },
): void {
  const held: Held = { database: undefined, statements: new Map(), version: 0, reserved: 0, snapshot: undefined };
  port.onmessage = ({ data }) => {
    try {
      port.postMessage({ id: data.id, answer: doJob(held, Database, data) });
    } catch (thrown) {
      const code = thrown instanceof Error && "errcode" in thrown ? thrown.errcode : undefined;
      const name = thrown instanceof Error ? thrown.name : "Error";
      port.postMessage({ id: data.id, failure: { code: typeof code === "number" ? code : undefined, name } });
    }
  };
}
