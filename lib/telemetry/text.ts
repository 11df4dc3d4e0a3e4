/**
 * Text that is safe to write on one line, whoever it came from.
 *
 * @module
 */

// Control, format (bidirectional overrides, zero-width), lone surrogates, line and paragraph separators: whatever could
// start a line, colour a terminal or show a reader something other than what is there.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const everyUnprintable = new RegExp(unprintable.source, "gu");

/** The longest text that a field or a sentence may be, in UTF-16 units. */
export const maxText = 1024;

/** At most {@linkcode maxText} units; what was cut is marked with `…`. */
export function limited(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText)}…`;
}

/** The text with whatever is not printable spelled as `\uXXXX`. */
export function escapedText(text: string): string {
  const short = limited(text);
  return unprintable.test(short) ? short.replace(everyUnprintable, escaped) : short;
}

/** A JSON string literal, quotes included, in which nothing unprintable stands as it is. */
export function jsonText(text: string): string {
  const literal = JSON.stringify(limited(text));
  return unprintable.test(literal) ? literal.replace(everyUnprintable, escaped) : literal;
}

/**
 * The name of an error's class, for logs. Messages of strangers are not printed: they may hold what was sent.
 *
 * @returns an identifier of at most 64 characters.
 */
export function causeName(thrown: unknown): string {
  return className(thrown instanceof Error ? thrown.name : typeof thrown);
}

/** The text if it can be the name of a class, else `Error`: an error's message never passes. */
export function className(text: string): string {
  return /^[A-Za-z_$][\w$]{0,63}$/.test(text) ? text : "Error";
}

function escaped(character: string): string {
  let out = "";
  for (let at = 0; at < character.length; at++) {
    out += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return out;
}
