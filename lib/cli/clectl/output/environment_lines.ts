/**
 * Fields as lines of an environment, in the syntax of the program that reads them. A value that a syntax cannot hold is
 * refused.
 *
 * @module
 */
import { exactText } from "../../../base/bytes.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";

/** Writes a value, or gives the reason why the syntax cannot hold it, as the end of a sentence. */
interface Dialect {
  readonly name: string;
  readonly quoted: (value: string) => string;
  readonly whyRefused: (value: string) => string | undefined;
}

/** The dialects by their names in the options. */
export const environmentDialects = {
  /** Single quotes (POSIX.1-2024, 2.2.2): all characters but the quote stand for themselves. */
  posix: { name: "a shell", quoted: singleQuoted, whyRefused: whyNoVariable },
  /** systemd.exec(5), EnvironmentFile=: in double quotes, a backslash precedes `"`, `\`, `$` and the backquote. */
  systemd: {
    name: "systemd",
    quoted: (value) => `"${value.replace(/["\\$`]/g, "\\$&")}"`,
    whyRefused: whyNoVariable,
  },
  /** `docker run --env-file`: the rest of the line, without quotes. */
  docker: {
    name: "docker",
    quoted: (value) => value,
    whyRefused: (value) => whyNoVariable(value) ?? (/[\r\n]/.test(value) ? "it has a line break" : undefined),
  },
} as const satisfies Readonly<Record<string, Dialect>>;

/** A row of {@linkcode environmentDialects}. */
export type EnvironmentDialect = keyof typeof environmentDialects;

/** A text in single quotes for a POSIX shell. */
export function singleQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/**
 * One line for each field.
 *
 * @throws {KeyringError} `request_invalid` if a name or a value does not fit; it contains no value.
 */
export function environmentLines(fields: readonly SecretField[], dialect: EnvironmentDialect): string {
  const row: Dialect = environmentDialects[dialect];
  return fields.map(({ name, value }) => {
    const text = exactText(value);
    const why = !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
      ? "its name is not that of a variable"
      : text === undefined
      ? "it is not UTF-8"
      : row.whyRefused(text);
    if (why !== undefined || text === undefined) {
      throw new KeyringError("request_invalid", `The field ${name} cannot be a variable for ${row.name}: ${why}.`);
    }
    return `${name}=${row.quoted(text)}\n`;
  }).join("");
}

function whyNoVariable(value: string): string | undefined {
  return value.includes("\u0000") ? "it has a NUL character" : undefined;
}
