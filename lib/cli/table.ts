/**
 * Text for a terminal: aligned columns, wrapped paragraphs, and colours.
 *
 * @module
 */
import { type Output, printable } from "./terminal.ts";

/** The meaning of a cell's colour. */
export type Tone = "plain" | "good" | "warn" | "bad" | "dim";

/** A text, or a text with a tone. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

const codes = {
  plain: undefined,
  good: "32",
  warn: "33",
  bad: "31",
  dim: "2",
} as const satisfies Record<Tone, string | undefined>;

/** The variables of the environment that decide about colours. */
export interface ColourVariables {
  get(name: "NO_COLOR" | "TERM"): string | undefined;
}

/** Whether an output gets colours: it is a terminal that supports them, and `NO_COLOR` is unset or empty. */
export function wantsColour(output: Output, environment: ColourVariables): boolean {
  return output.isTerminal && environment.get("NO_COLOR") === undefined && environment.get("TERM") !== "dumb";
}

/**
 * Aligned rows under a header; each line ends with a newline. Control characters in cells are made visible, so that
 * text from other systems cannot control the operator's terminal.
 */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[], colour: boolean): string {
  const titles = header.map((text): Cell => ({ text: text.toUpperCase(), tone: "dim" }));
  const all = [titles, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => length(row[column] ?? ""))));
  return all.map((row) => `${tableLine(row, widths, colour)}\n`).join("");
}

function tableLine(row: readonly Cell[], widths: readonly number[], colour: boolean): string {
  return row.map((cell, column) => {
    const isLast = row.slice(column + 1).every((later) => length(later) === 0);
    const padding = isLast ? "" : " ".repeat((widths[column] ?? 0) - length(cell) + 2);
    return painted(cell, colour) + padding;
  }).join("").trimEnd();
}

function length(cell: Cell): number {
  return [...printable(typeof cell === "string" ? cell : cell.text)].length;
}

/** The text of a cell with its colour. */
export function painted(cell: Cell, colour: boolean): string {
  if (typeof cell === "string") return printable(cell);
  const code = codes[cell.tone];
  const text = printable(cell.text);
  return colour && code !== undefined && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** Maximum width of the left column in characters. After a longer text, the right cell begins on the next line. */
const widestLeft = 34;

/**
 * Pairs as two columns without a header. A line has at most `width` characters, or more if one word is longer; the
 * right column is wrapped below itself.
 */
export function columns(pairs: readonly (readonly [left: string, right: string])[], width: number): readonly string[] {
  const fitting = pairs.map(([left]) => left.length).filter((length) => length <= widestLeft);
  const widest = Math.max(0, ...fitting);
  return pairs.flatMap(([left, right]) => {
    const texts = wrapped(right, width - widest - 2);
    const lines = left.length > widest ? ["", ...texts] : texts;
    return lines.map((text, index) => `${(index === 0 ? left : "").padEnd(widest)}  ${text}`.trimEnd());
  });
}

/** Parts of a text, each indented under its title; a part without a title is not indented. */
export function sections(list: readonly (readonly [title: string, lines: readonly string[]])[]): string {
  return list.map(([title, lines]) =>
    title === "" ? `${lines.join("\n")}\n` : `${title}:\n${lines.map((text) => `  ${text}\n`).join("")}`
  ).join("\n");
}

/** A paragraph, or words that must not be split, in lines of at most `width` characters, or longer if one word is. */
export function wrapped(text: string | readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of typeof text === "string" ? text.split(/\s+/) : text) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}

/** A count and its words: `1 object is`, `2 objects are`. */
export function countText(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Milliseconds for display: `0.42 ms`, `17 ms`, `1.2 s`. */
export function durationText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(2)} ms`;
}

/**
 * An age in its largest unit: `42 s`, `7 min`, `3 h`, `12 d`.
 *
 * @param ms milliseconds.
 */
export function elapsed(ms: number): string {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]] as const;
  if (Number.isNaN(ms)) return "?";
  const found = units.find(([, size]) => ms >= 2 * size);
  return found === undefined ? `${Math.max(0, Math.round(ms / 1000))} s` : `${Math.floor(ms / found[1])} ${found[0]}`;
}
