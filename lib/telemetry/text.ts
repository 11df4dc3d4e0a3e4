/**
 * Makes untrusted text safe to write on one line.
 *
 * @module
 */

// Control and format characters (bidirectional overrides, zero-width), lone surrogates, line and paragraph separators:
// they could start a line, control a terminal or misrepresent the text.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const everyUnprintable = new RegExp(unprintable.source, "gu");

/** Maximum length of a field or a sentence, in UTF-16 units. */
export const maxText = 1024;

/** Cuts a text to {@linkcode maxText} units. A cut text ends with `…`. */
export function limited(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText)}…`;
}

/** Cuts a text as {@linkcode limited} does, and escapes characters that are not printable as `\uXXXX`. */
export function escapedText(text: string): string {
  const short = limited(text);
  return unprintable.test(short) ? short.replace(everyUnprintable, escaped) : short;
}

// Characters that a JSON string holds as they are, in ASCII.
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A JSON string literal with its quotes, cut as {@linkcode limited} does, without unprintable characters. */
export function jsonText(text: string): string {
  if (text.length <= maxText && plain.test(text)) return `"${text}"`;
  const literal = JSON.stringify(limited(text));
  return unprintable.test(literal) ? literal.replace(everyUnprintable, escaped) : literal;
}

/**
 * The name of an error's class, for logs. The message of an error from another library is not logged: it can hold data
 * that was sent.
 *
 * @returns an identifier of at most 64 characters.
 */
export function causeName(thrown: unknown): string {
  return className(thrown instanceof Error ? thrown.name : typeof thrown);
}

/** The text if it can be the name of a class, otherwise `Error`, so that no error message is logged. */
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
