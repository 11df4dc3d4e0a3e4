/**
 * The form of the files that the AWS CLI and the SDKs share.
 *
 * @module
 */
import { utf8Text } from "../../bytes.ts";
import { readRegularFile } from "../../durable_file.ts";

/** Fields by section; names of fields in lowercase. */
export type Ini = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** In bytes. */
const largest = 256 * 1024;

/** Reads a file of this form. */
export async function readIni(path: string): Promise<Ini> {
  const text = utf8Text(await readRegularFile(path, largest));
  if (text === undefined) throw new SyntaxError("It is no text.");
  return parseIni(text);
}

/**
 * Reads a text of this form: sections in brackets, `name = value`, lines that begin with `#` or `;`, and lines that begin
 * with a space, which belong to the field before and are of no use here ("Shared config and credentials files").
 *
 * @throws {SyntaxError} at any other line.
 */
export function parseIni(text: string): Ini {
  const found = new Map<string, Record<string, string>>();
  let current: Record<string, string> | undefined;
  text.split(/\r\n|\n/).forEach((line, index) => {
    if (/^\s*([#;].*)?$/.test(line) || /^\s/.test(line)) return;
    const [, section] = /^\[\s*([^\]]+?)\s*\]\s*([#;].*)?$/.exec(line) ?? [];
    if (section !== undefined) {
      current = found.get(section) ?? Object.create(null) as Record<string, string>;
      found.set(section, current);
      return;
    }
    const [, name, value] = /^([\w.-]+)\s*=\s*(.*?)(?:\s+[#;].*)?\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined || current === undefined) {
      throw new SyntaxError(`Cannot read line ${index + 1}.`);
    }
    if (value !== "") current[name.toLowerCase()] = value;
  });
  return found;
}
