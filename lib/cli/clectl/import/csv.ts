/**
 * CSV (RFC 4180), also with semicolons or tabs. All cells are texts.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { Columns } from "./columns.ts";
import { ImportBuilder, type ImportedFile, importFileLimits, UnreadableImportError } from "./rows.ts";

/** A record of the parser with its line. */
interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** Reads a CSV file. The line of a row is that of its end. */
export async function readCsv(bytes: Uint8Array): Promise<ImportedFile> {
  const text = utf8Text(bytes);
  if (text === undefined) throw new UnreadableImportError("it is not UTF-8; save it as CSV UTF-8");
  const [header, ...records] = await recordsOf(text);
  if (header === undefined) throw new UnreadableImportError("it is empty");
  const columns = new Columns(header.record);
  const builder = new ImportBuilder();
  for (const { record, info } of records) columns.add(builder, `line ${info.lines}`, record);
  return builder.end();
}

async function recordsOf(text: string): Promise<readonly CsvRecord[]> {
  const { parse } = await import("csv-parse/sync");
  try {
    return parse(text, {
      delimiter: delimiterOf(text),
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      to: importFileLimits.rows + 2,
    }) as unknown as readonly CsvRecord[];
  } catch (thrown) {
    // The parser's own message repeats the record.
    throw new UnreadableImportError(`its quotes are not in order near line ${lineOf(thrown)}`);
  }
}

/** The delimiter of the first line: of comma, semicolon and tab the one that it has most often. */
function delimiterOf(text: string): string {
  const [first = ""] = text.split(/\r?\n/, 1);
  const count = (delimiter: string) => first.split(delimiter).length;
  return [",", ";", "\t"].reduce((best, one) => count(one) > count(best) ? one : best);
}

function lineOf(thrown: unknown): number {
  const lines = thrown instanceof Error && "lines" in thrown ? thrown.lines : undefined;
  return typeof lines === "number" ? lines : 1;
}
