/**
 * Parser of the files that the AWS CLI and the SDKs share. It reads them as botocore does: with the rules of Python's
 * `configparser`, and nested fields below an empty field.
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";
import { readCredentialFile } from "../../base/credential_file.ts";

/** The value of a field, and the line of its name. */
export interface IniField {
  readonly value: string;
  /** Line number, from 1. */
  readonly line: number;
  /** The first continuation line of the value, which is indented further than the field. */
  readonly continuedAt?: number;
}

/** A section: its line, and its fields by lowercase name. */
export interface IniSection {
  /** Line number, from 1. */
  readonly line: number;
  /** Fields by lowercase name. */
  readonly fields: ReadonlyMap<string, IniField>;
}

/** Sections by name, in the order of the file. Each also has the fields of `[DEFAULT]`. */
export type Ini = ReadonlyMap<string, IniSection>;

/** A line that violates the syntax. */
export class IniSyntaxError extends Error {
  override readonly name = "IniSyntaxError";
  /** Line number, from 1. */
  readonly line: number;
  /** The end of a sentence without its full stop. It contains nothing from the file. */
  readonly why: string;

  constructor(line: number, why: string) {
    super(`line ${line}: ${why}`);
    this.line = line;
    this.why = why;
  }
}

/** Maximum size of a file in bytes. */
const largest = 256 * 1024;

/**
 * Reads and parses a file.
 *
 * @throws {IniSyntaxError} as {@linkcode parseIni}, at a byte order mark, or at the first line that is not UTF-8.
 * @throws as `readRegularFile`.
 */
export async function readIni(path: string): Promise<Ini> {
  const bytes = await readCredentialFile(path, largest);
  // The decoder would remove the byte order mark silently; the AWS CLI rejects such a file.
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new IniSyntaxError(1, "it begins with a byte order mark; save the file without one");
  }
  const text = utf8Text(bytes);
  if (text === undefined) throw new IniSyntaxError(lineOfBadBytes(bytes), "it is not UTF-8");
  return parseIni(text);
}

// White space by Python's definition: it has more control characters than JavaScript's, and no byte order mark.
const space = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const breaks = "\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029";
const leading = new RegExp(`^[${space}]+`);
const trailing = new RegExp(`[${space}]+$`);
const lineBreaks = new RegExp(`[${breaks}]`);

function strip(text: string): string {
  return text.replace(leading, "").replace(trailing, "");
}

interface OpenField {
  readonly line: number;
  readonly lines: string[];
  continuedAt?: number;
}

interface OpenSection {
  readonly line: number;
  readonly fields: Map<string, OpenField>;
}

/**
 * Parses a text.
 *
 * - A section is `[name]`. The text after the last `]` of its line is ignored, and spaces belong to the name.
 * - A field is `name = value` or `name: value`, indented or not.
 * - A line that is indented further than the preceding field continues that field's value.
 * - A line that begins with `#` or `;`, indented or not, is a comment. A comment after a value is not supported.
 *
 * @throws {IniSyntaxError} at any other line, and at a duplicate section or field.
 */
export function parseIni(text: string): Ini {
  const reader = new Reader();
  text.split(/\r\n|\r|\n/).forEach((line, index) => reader.take(line, index + 1));
  return reader.end();
}

class Reader {
  readonly #sections = new Map<string, OpenSection>();
  /** `[DEFAULT]` can occur more than once. */
  readonly #defaults: OpenSection = { line: 0, fields: new Map() };
  #section: OpenSection | undefined;
  #field: OpenField | undefined;
  #indent = 0;

  take(raw: string, line: number): void {
    const text = strip(raw);
    if (text.startsWith("#") || text.startsWith(";")) return;
    if (text === "") return void this.#field?.lines.push("");
    const indent = leading.exec(raw)?.[0].length ?? 0;
    if (this.#field !== undefined && indent > this.#indent) {
      this.#field.lines.push(text);
      this.#field.continuedAt ??= line;
      return;
    }
    this.#indent = indent;
    const [, section] = /^\[(.+)\]/s.exec(text) ?? [];
    if (section !== undefined) return this.#begin(section, line);
    this.#add(text, line);
  }

  end(): Ini {
    const found = new Map<string, IniSection>();
    for (const [name, { line, fields }] of this.#sections) {
      const all = new Map([...this.#defaults.fields, ...fields]);
      found.set(name, { line, fields: new Map([...all].map(([field, open]) => [field, closed(open)])) });
    }
    return found;
  }

  #begin(name: string, line: number): void {
    if (this.#sections.has(name)) {
      throw new IniSyntaxError(line, "this section is there already; put the two together");
    }
    this.#section = name === "DEFAULT" ? this.#defaults : { line, fields: new Map() };
    if (name !== "DEFAULT") this.#sections.set(name, this.#section);
    this.#field = undefined;
  }

  #add(text: string, line: number): void {
    if (this.#section === undefined) throw new IniSyntaxError(line, "it stands before the first [section]");
    const [, written, value] = /^([^=:]+)[=:](.*)$/s.exec(text) ?? [];
    if (written === undefined || value === undefined) {
      throw new IniSyntaxError(line, "it is neither [section] nor name = value nor a comment");
    }
    const name = strip(written).toLowerCase();
    if (this.#section.fields.has(name)) {
      throw new IniSyntaxError(line, "this field is there already in its section; remove one of the two");
    }
    this.#field = { line, lines: [strip(value)] };
    this.#section.fields.set(name, this.#field);
  }
}

function closed({ line, lines, continuedAt }: OpenField): IniField {
  const value = lines.join("\n").replace(trailing, "");
  if (value.startsWith("\n")) checkNested(value, line);
  return { value, line, ...(continuedAt === undefined ? {} : { continuedAt }) };
}

/** Checks the indented lines below an empty field, for instance `s3 =`: they are nested fields, which are not used. */
function checkNested(value: string, line: number): void {
  if (value.split(lineBreaks).some((nested) => strip(nested) !== "" && !nested.includes("="))) {
    throw new IniSyntaxError(line, "this field is empty, and a line below it is not name = value");
  }
}

function lineOfBadBytes(bytes: Uint8Array): number {
  for (let line = 1, start = 0;; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end === -1 || utf8Text(bytes.subarray(start, end)) === undefined) return line;
    start = end + 1;
  }
}
