/**
 * The filters of templates: how a value is written so that the reader of the file gets the same value.
 *
 * @module
 */
import { base64, exactText } from "../../base/bytes.ts";
import type { SecretField } from "./fields.ts";

/** All filters, each with the values that it cannot write, as the end of a sentence. */
export const templateFilters = {
  /** A JSON string with its quotes; a field of the kind `json` as it is. */
  json: "takes text alone",
  /** A word of a POSIX shell in single quotes. */
  sh: "takes text without NUL alone",
  /** Standard base64 with padding, on one line. */
  base64: "takes every value",
  /** A YAML string in double quotes, on one line. */
  yaml: "takes text alone",
  /** Percent-encoding of all bytes but letters, digits, `-`, `.`, `_` and `~` (RFC 3986). */
  urlencode: "takes every value",
} as const satisfies Readonly<Record<string, string>>;

/** A filter. */
export type TemplateFilter = keyof typeof templateFilters;

/** The value as a filter writes it; `undefined` if it cannot. */
export function filteredValue(filter: TemplateFilter, field: SecretField): string | undefined {
  if (filter === "base64") return base64(field.value);
  if (filter === "urlencode") return percentEncoded(field.value);
  const text = exactText(field.value);
  return text === undefined ? undefined : writers[filter](text, field);
}

const writers = {
  json: (text, { kind }) => kind === "json" ? text : JSON.stringify(text),
  sh: (text) => text.includes("\0") ? undefined : shellWord(text),
  yaml: yamlString,
} as const satisfies Readonly<Record<string, (text: string, field: SecretField) => string | undefined>>;

/** A text as a word of a POSIX shell: in single quotes, within which no character has a meaning. It has no NUL. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** YAML 1.2, section 5.1: these characters must be escaped, and U+0085, U+2028 and U+2029 are line breaks of YAML 1.1. */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/gu;

/** The escapes of JSON are escapes of YAML. */
function yamlString(text: string): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(unprintable, escaped);
}

const unreserved = /[A-Za-z0-9._~-]/;

function percentEncoded(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return unreserved.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}
