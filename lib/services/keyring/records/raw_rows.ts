/**
 * Opens rows of any table without their codecs: for `reseal` and `verify`.
 *
 * @module
 */
import type { StoredRow, TableName } from "../engine/engine.ts";
import type { RecordReader } from "./records.ts";

/**
 * The context of a row of a table whose codec has one, by the key of the row; `undefined` if no record tells it, so that
 * the row belongs to nothing. A table that is not named has no context.
 */
export type RowContexts = {
  readonly [Table in TableName]?: (key: Uint8Array, reader: RecordReader) => Promise<Uint8Array | undefined>;
};

/** The content of a row with its context. */
export interface RawContent {
  readonly content: Uint8Array;
  readonly context: Uint8Array;
}

/**
 * The content of a row.
 *
 * @returns `undefined` if the row was deleted meanwhile, or belongs to nothing.
 * @throws {KeyringError} `integrity`.
 */
export async function rawContent(
  reader: RecordReader,
  row: StoredRow,
  contexts: RowContexts,
): Promise<RawContent | undefined> {
  const find = contexts[row.table];
  const context = find ? await find(row.key, reader) : new Uint8Array(0);
  if (!context) return undefined;
  const codec = { table: row.table, decode: (content: Uint8Array) => content.slice(), context: () => context };
  const opened = await reader.open(codec, { name: row, row });
  return opened && { content: opened.value, context };
}
