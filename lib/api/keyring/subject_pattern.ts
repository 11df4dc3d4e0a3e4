/**
 * Patterns of subjects and claims: exact text, or `*` for a part of one segment.
 *
 * @module
 */

/** Characters between segments; `*` stands for none of them. */
const separators = /([/:@|,;\s])/;

/** Maximum length of a pattern and of a text that is compared, in UTF-16 code units. */
const maxLength = 512;

/** The reason why a text is no pattern, as the end of a sentence; `undefined` for a pattern. */
export function whyNoPattern(text: string): string | undefined {
  if (text === "") return "is empty";
  if (text.length > maxLength) return `has more than ${maxLength} characters`;
  const segments = text.split(separators);
  if (segments.some((segment) => segment.split("*").length > 2)) return "has two * in one segment";
  if (!segments.some((segment) => segment !== "*" && segment !== "" && !separators.test(segment))) {
    return "is matched by every text; write a part of it in full";
  }
  return undefined;
}

/**
 * Whether a text matches a pattern. `*` stands for one or more characters without `/`, `:`, `@`, `|`, `,`, `;` and white
 * space, so that `repo:acme/*` matches `repo:acme/shop` but neither `repo:acme/shop:ref` nor `repo:acme/`.
 *
 * @param pattern one for which {@linkcode whyNoPattern} returns `undefined`.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  if (text.length > maxLength) return false;
  const [wanted, found] = [pattern.split(separators), text.split(separators)];
  return wanted.length === found.length && wanted.every((segment, at) => matchesSegment(segment, found[at] ?? ""));
}

function matchesSegment(pattern: string, segment: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === segment;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return segment.length > before.length + after.length && segment.startsWith(before) && segment.endsWith(after);
}
