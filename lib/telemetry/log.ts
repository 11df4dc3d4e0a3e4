/**
 * A structured logger: one line for each entry, with typed fields, as JSON or as text.
 *
 * @module
 */
import { escapedText, jsonText } from "./text.ts";

const levels = {
  debug: { rank: 0, label: "DEBUG", colour: "\x1b[2m" },
  info: { rank: 1, label: "INFO ", colour: "\x1b[32m" },
  warn: { rank: 2, label: "WARN ", colour: "\x1b[33m" },
  error: { rank: 3, label: "ERROR", colour: "\x1b[31m" },
} as const satisfies Record<string, { rank: number; label: string; colour: string }>;

const plain = "\x1b[0m";

/** The severity of an entry. */
export type LogLevel = keyof typeof levels;

/** The value of a field. Bytes, errors and objects are excluded, so that they cannot be logged by accident. */
export type FieldValue = string | number | boolean | readonly string[] | undefined;

/** Named values of one entry. A value of `undefined` is left out. The names are constants of the source code. */
export type Fields = Readonly<Record<string, FieldValue>>;

/** Writes entries. It never throws and never waits. */
export interface Logger {
  /** Whether an entry of this level would be written. Check it first if the entry is expensive to compute. */
  enabled(level: LogLevel): boolean;
  /** Writes one entry. `sentence` ends with a full stop. */
  log(level: LogLevel, sentence: string, fields?: Fields): void;
  /** Sets the lowest level that is written. */
  setLevel(level: LogLevel): void;
}

/** Options of a logger. */
export interface LoggerOptions {
  /** The lowest level that is written. */
  readonly level: LogLevel;
  readonly format: "json" | "text";
  /** Whether text is coloured, for a terminal. */
  readonly colours: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Writes one line, which ends with its line feed. */
  readonly write: (line: string) => void;
}

/** Makes a logger over `options.write`. */
export function createLogger(options: LoggerOptions): Logger {
  let threshold: number = levels[options.level].rank;
  const format = options.format === "json" ? jsonLine : options.colours ? colouredLine : textLine;
  const enabled = (level: LogLevel) => levels[level].rank >= threshold;
  return {
    enabled,
    setLevel(level) {
      threshold = levels[level].rank;
    },
    log(level, sentence, fields = {}) {
      if (enabled(level)) options.write(format(new Date(options.now()).toISOString(), level, sentence, fields));
    },
  };
}

/** Formats one entry as a line. The time is ISO 8601 in UTC. */
type Format = (time: string, level: LogLevel, sentence: string, fields: Fields) => string;

const jsonLine: Format = (time, level, sentence, fields) => {
  let line = `{"time":"${time}","level":"${level}","message":${jsonText(sentence)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) line += `,${jsonText(name)}:${jsonValue(value)}`;
  }
  return `${line}}\n`;
};

const textLine: Format = (time, level, sentence, fields) =>
  `${time} ${levels[level].label} ${escapedText(sentence)}${textFields(fields)}\n`;

const colouredLine: Format = (time, level, sentence, fields) => {
  const { label, colour } = levels[level];
  return `${levels.debug.colour}${time}${plain} ${colour}${label}${plain} ${escapedText(sentence)}` +
    `${levels.debug.colour}${textFields(fields)}${plain}\n`;
};

function jsonValue(value: Exclude<FieldValue, undefined>): string {
  if (typeof value === "object") return `[${items(value).map(jsonText).join(",")}]`;
  return typeof value === "string" ? jsonText(value) : JSON.stringify(value);
}

function textFields(fields: Fields): string {
  let out = "";
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) out += ` ${escapedText(name)}=${textValue(value)}`;
  }
  return out;
}

function textValue(value: Exclude<FieldValue, undefined>): string {
  const text = typeof value === "object" ? items(value).join(",") : String(value);
  return /^[\w.:@/+,-]+$/.test(text) ? escapedText(text) : jsonText(text);
}

/** Enforces the type at run time: an object that was cast to a list of strings is not printed. */
function items(value: readonly string[]): readonly string[] {
  return Array.isArray(value) ? value.map((item) => typeof item === "string" ? item : "[object]") : ["[object]"];
}
