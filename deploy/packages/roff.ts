/**
 * Text in the language of manual pages, man(7).
 *
 * @module
 */

import { wrapped } from "../../lib/cli/table.ts";

/** One line of text as it stands in a page: nothing in it is an instruction. */
export function roffText(text: string): string {
  const escaped = text.replaceAll("\\", "\\e")
    // A plain hyphen could be printed as another character than the one to type, and so could a quote.
    .replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("`", "\\(ga").replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll(
      /[^\n\u0020-\u007e]/gu,
      (sign) => `\\[u${sign.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}]`,
    );
  return escaped.startsWith(".") ? `\\&${escaped}` : escaped;
}

/** A paragraph, in lines that an editor shows whole. */
export function paragraph(text: string): readonly string[] {
  return wrapped(text, 56).map(roffText);
}

/** Text in bold. */
export function bold(text: string): string {
  return `\\fB${roffText(text)}\\fR`;
}

/** A section with a heading. */
export function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`.SH ${roffText(title)}`, ...lines];
}

/** A term with the text about it, which is indented. */
export function term(head: string, text: string): readonly string[] {
  return [".TP", head, ...paragraph(text)];
}

/** Lines that are printed as they are. */
export function literal(lines: readonly string[]): readonly string[] {
  return [".nf", ...lines.map((line) => line === "" ? ".sp" : roffText(line)), ".fi"];
}
