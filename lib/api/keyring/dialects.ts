/**
 * Files of environment variables in the dialects of their readers. A value that a dialect cannot hold is refused: its
 * reader would get another value.
 *
 * @module
 */
import { exactText, utf8 } from "../../base/bytes.ts";
import { KeyringError } from "./problems.ts";
import { shellWord } from "./template_filters.ts";

/** A variable. */
export interface EnvironmentEntry {
  readonly name: string;
  readonly value: Uint8Array;
}

interface DialectRow {
  /** Maximum length of `NAME=value` in bytes, before it is quoted. */
  readonly maxBytes: number;
  /** The characters that a value must not have, with their description as the end of a sentence. */
  readonly refused: readonly (readonly [RegExp, string])[];
  /** The value as it is written. */
  readonly quoted: (value: string) => string;
}

/** MAX_ARG_STRLEN of Linux, without the NUL at the end: the longest variable that a program can be started with. */
const maxVariable = 131_071;

const nul = [/\0/, "a NUL character"] as const;

/** All dialects. */
export const dialects = {
  /** POSIX shells: `. FILE`. */
  posix: { maxBytes: maxVariable, refused: [nul], quoted: shellWord },
  /**
   * `EnvironmentFile=` of systemd: within double quotes only `"` and `\` have a meaning in all versions. systemd drops a
   * variable with a control character but tab and line feed, and one that has a noncharacter of Unicode.
   */
  systemd: {
    maxBytes: maxVariable,
    refused: [
      nul,
      // deno-lint-ignore no-control-regex
      [/[\u0001-\u0008\u000b-\u001f\u007f]/, "a control character other than tab and line feed"],
      [/\p{Noncharacter_Code_Point}/u, "a noncharacter of Unicode"],
    ],
    quoted: (value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`,
  },
  /** `docker run --env-file`: a line is taken as it is, without quotes, and must be shorter than 64 KiB. */
  docker: {
    maxBytes: 65_535,
    refused: [nul, [/\n/, "a line feed"], [/\r$/, "a carriage return at its end"]],
    quoted: (value) => value,
  },
} as const satisfies Readonly<Record<string, DialectRow>>;

/** A dialect. */
export type Dialect = keyof typeof dialects;

/** Names that every reader takes (POSIX.1-2024, section 8.1, and lowercase letters). */
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * A file of variables, one `NAME=value` for each, with a line feed at its end.
 *
 * @throws {KeyringError} `request_invalid` for a name that is no name of a variable or occurs twice, and for a value that
 *   the dialect cannot hold. No text of a value stands in it.
 */
export function environmentFile(entries: readonly EnvironmentEntry[], dialect: Dialect): string {
  const names = entries.map(({ name }) => name);
  const doubled = names.find((name, index) => names.indexOf(name) !== index);
  if (doubled !== undefined) throw refusal(doubled, "it occurs twice");
  return entries.map((entry) => `${environmentLine(entry, dialect)}\n`).join("");
}

function environmentLine({ name, value }: EnvironmentEntry, dialect: Dialect): string {
  if (!namePattern.test(name)) {
    throw refusal(name, "a variable's name has letters, digits and _ alone and does not begin with a digit");
  }
  const { maxBytes, refused, quoted }: DialectRow = dialects[dialect];
  const text = exactText(value);
  if (text === undefined) throw refusal(name, "its value is no text");
  const [, found] = refused.find(([pattern]) => pattern.test(text)) ?? [];
  if (found !== undefined) throw refusal(name, `its value has ${found}, which the dialect ${dialect} cannot hold`);
  const length = utf8(name).length + 1 + value.length;
  if (length > maxBytes) {
    throw refusal(name, `with its name it has more than ${maxBytes} bytes, the limit of ${dialect}`);
  }
  return `${name}=${quoted(text)}`;
}

function refusal(name: string, why: string): KeyringError {
  return new KeyringError("request_invalid", `Cannot write the variable ${JSON.stringify(name)}: ${why}.`);
}
