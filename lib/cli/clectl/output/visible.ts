/**
 * Text from a server on a terminal.
 *
 * @module
 */
import type { Output } from "../../terminal.ts";

/** Characters that control a terminal or change the writing direction. */
const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** The text with control characters as `\u…`; a line feed is one too. JSON of the result is the JSON of the text. */
export function visible(text: string): string {
  return text.replace(
    controls,
    (character) => character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** As {@linkcode visible}, but line feeds and tabs stay: for a text of several lines. */
export function visibleLines(text: string): string {
  return text.replace(/[^\n\t]+/g, visible);
}

/** Writes a text: on a terminal visibly, into a file or a pipe unchanged. */
export function writeText(output: Output, text: string): void {
  output.write(output.isTerminal ? visibleLines(text) : text);
}
