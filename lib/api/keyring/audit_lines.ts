/**
 * Splits files of audit lines, of any size, in bounded memory.
 *
 * @module
 */
import { concat } from "../../base/bytes.ts";
import { maxAuditLineBytes } from "./audit_format.ts";

/** A file of audit lines. */
export interface AuditFile {
  /** For reports. */
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A line of a file. */
export interface PlacedLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Without the line feed. If the line is longer than any that a server writes, its first bytes. */
  readonly bytes: Uint8Array;
  /** Whether a line feed follows. Only the last line of a file may have none. */
  readonly ended: boolean;
}

/** The lines of all files, in order. */
export async function* auditLines(files: Iterable<AuditFile> | AsyncIterable<AuditFile>): AsyncGenerator<PlacedLine> {
  for await (const { name, bytes } of files) yield* linesOf(name, bytes);
}

async function* linesOf(file: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<PlacedLine> {
  let line = 1;
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield { file, line: line++, bytes: joined(rest, chunk.subarray(from, end)), ended: true };
      rest = new Uint8Array();
      from = end + 1;
    }
    rest = joined(rest, chunk.subarray(from));
  }
  if (rest.length > 0) yield { file, line, bytes: rest, ended: false };
}

/** One byte more than the limit is enough to refuse a line. */
function joined(start: Uint8Array, end: Uint8Array): Uint8Array {
  return concat(start, end.subarray(0, Math.max(0, maxAuditLineBytes + 1 - start.length)));
}
