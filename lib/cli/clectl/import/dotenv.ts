/**
 * Files of environment variables. The programs that read them differ in expansion, comments and escapes; a line whose
 * meaning differs between them is a complaint.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { needsPath } from "./json_rows.ts";
import { ImportBuilder, type ImportedFile, type ReaderOptions, textOf, UnreadableImportError } from "./rows.ts";

/** Reads the variables as the fields of one secret, whose path is an option. */
export function readDotenv(bytes: Uint8Array, { path }: ReaderOptions): Promise<ImportedFile> {
  const text = utf8Text(bytes);
  if (text === undefined) throw new UnreadableImportError("it is not UTF-8");
  if (path === undefined) throw needsPath();
  const builder = new ImportBuilder();
  const lines = text.split(/\r?\n/);
  const fields = [];
  for (let at = 0; at < lines.length; at++) {
    const place = `line ${at + 1}`;
    let line = lines[at] ?? "";
    if (/^\s*(#|$)/.test(line)) continue;
    // A value in quotes can have several lines.
    while (hasOpenQuote(line) && at + 1 < lines.length) line += `\n${lines[++at]}`;
    const [, name = "", raw] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*$/s.exec(line) ?? [];
    if (raw === undefined) builder.complain(place, "it is not NAME=VALUE");
    else {
      const value = valueOf(raw);
      if ("why" in value) builder.complain(place, value.why);
      else fields.push(textOf(name, value.text));
    }
  }
  builder.add("the file", path, fields);
  return Promise.resolve(builder.end());
}

function hasOpenQuote(line: string): boolean {
  const [, quoted] = /^[^=#]*=\s*(["'].*)$/s.exec(line) ?? [];
  return quoted !== undefined && closingQuote(quoted) < 0;
}

/** Index of the quote that ends a text which begins with one; -1 if there is none. */
function closingQuote(quoted: string): number {
  const quote = quoted[0];
  for (let at = 1; at < quoted.length; at++) {
    if (quoted[at] === "\\" && quote === '"') at++;
    else if (quoted[at] === quote) return at;
  }
  return -1;
}

function valueOf(raw: string): { readonly text: string } | { readonly why: string } {
  if (raw.startsWith("'") || raw.startsWith('"')) return quotedValue(raw);
  if (/[\\$`"']/.test(raw)) return { why: "it has a quote, a backslash, $ or a backquote outside of quotes" };
  if (/(^|\s)#/.test(raw)) {
    return { why: "it has # outside of quotes: a comment for some programs, a value for others" };
  }
  return { text: raw };
}

function quotedValue(raw: string): { readonly text: string } | { readonly why: string } {
  const end = closingQuote(raw);
  if (end < 0) return { why: "its quote does not end" };
  if (!/^\s*(#.*)?$/.test(raw.slice(end + 1))) return { why: "there is something after its quote" };
  const inner = raw.slice(1, end);
  if (raw.startsWith("'")) return { text: inner };
  if (/(^|[^\\])(\\\\)*[$`]/.test(inner)) {
    return { why: "it has $ or a backquote that some programs expand; use single quotes" };
  }
  if (/\\(?![\\nrt"$`])(?:\\\\)*/.test(inner.replaceAll("\\\\", ""))) {
    return { why: "it has a \\ sequence that is not known; use single quotes" };
  }
  return { text: inner.replace(/\\([\\nrt"$`])/g, (_, one: string) => escapes[one] ?? one) };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
