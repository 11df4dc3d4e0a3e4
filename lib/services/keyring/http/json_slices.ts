/**
 * Places of values in a JSON text. A JSON value of a secret is kept as it was written: numbers of any length and the
 * order of members would not survive `JSON.parse` and `JSON.stringify`.
 *
 * @module
 */

/** Part of a text: the index of its first character, and the index behind its last one. */
type JsonSlice = readonly [from: number, to: number];

/**
 * The text of a value inside an object.
 *
 * @param text a text that `JSON.parse` accepts.
 * @param names names of members, from the outermost one.
 * @returns `undefined` if there is no such member. Of a name that is there twice, the last one, as with `JSON.parse`.
 */
export function jsonSlice(text: string, names: readonly string[]): string | undefined {
  let slice: JsonSlice | undefined = [afterSpace(text, 0), text.length];
  for (const name of names) {
    slice = slice && membersAt(text, slice[0]).get(name);
  }
  return slice && text.slice(...slice).trim();
}

/**
 * The texts of all members of an object inside an object.
 *
 * @param text a text that `JSON.parse` accepts.
 * @param names names of members, from the outermost one; empty for the whole text.
 */
export function jsonMemberTexts(text: string, names: readonly string[]): ReadonlyMap<string, string> {
  let at: number | undefined = afterSpace(text, 0);
  for (const name of names) at = at === undefined ? undefined : membersAt(text, at).get(name)?.[0];
  if (at === undefined) return new Map();
  return new Map([...membersAt(text, at)].map(([name, slice]) => [name, text.slice(...slice)]));
}

/** The texts of the elements of an array. @param text an array that `JSON.parse` accepts. */
export function jsonElements(text: string): readonly string[] {
  const elements: string[] = [];
  let at = afterSpace(text, 0);
  if (text[at] !== "[") return elements;
  at = afterSpace(text, at + 1);
  while (at < text.length && text[at] !== "]") {
    const to = afterValue(text, at);
    elements.push(text.slice(at, to));
    at = afterSpace(text, to);
    if (text[at] === ",") at = afterSpace(text, at + 1);
  }
  return elements;
}

/**
 * A name that an object in a text has twice; `undefined` if there is none. Readers of such a text take one of the two values,
 * and not all of them the same one (RFC 8259, section 4).
 *
 * @param text a text that `JSON.parse` accepts.
 */
export function repeatedName(text: string): string | undefined {
  const open: (Set<string> | "array")[] = [];
  let isName = false;
  for (let at = 0; at < text.length;) {
    const character = text[at];
    if (character === '"') {
      const end = afterString(text, at);
      const names = open.at(-1);
      if (isName && names instanceof Set) {
        const name = String(JSON.parse(text.slice(at, end)));
        if (names.has(name)) return name;
        names.add(name);
      }
      isName = false;
      at = end;
      continue;
    }
    if (character === "{") open.push(new Set());
    if (character === "[") open.push("array");
    if (character === "}" || character === "]") open.pop();
    if (character === "{" || character === ",") isName = true;
    at++;
  }
  return undefined;
}

/** The members of the object that begins at an index; none if it is another kind of value. */
function membersAt(text: string, start: number): ReadonlyMap<string, JsonSlice> {
  const members = new Map<string, JsonSlice>();
  if (text[start] !== "{") return members;
  let at = afterSpace(text, start + 1);
  while (at < text.length && text[at] !== "}") {
    const nameEnd = afterString(text, at);
    const name: unknown = JSON.parse(text.slice(at, nameEnd));
    const from = afterSpace(text, afterSpace(text, nameEnd) + 1);
    const to = afterValue(text, from);
    members.set(String(name), [from, to]);
    at = afterSpace(text, to);
    if (text[at] === ",") at = afterSpace(text, at + 1);
  }
  return members;
}

/** The index behind the value that begins at an index. It uses no recursion, so that depth costs no stack. */
function afterValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length;) {
    const character = text[at];
    if (character === '"') at = afterString(text, at);
    else if (character === "{" || character === "[") {
      depth++;
      at++;
    } else if (character === "}" || character === "]") {
      if (depth === 0) return at;
      depth--;
      at++;
    } else if (depth === 0 && (character === "," || isSpace(character))) return at;
    else at++;
    if (depth === 0 && (character === '"' || character === "}" || character === "]")) return at;
  }
  return text.length;
}

/** The index behind the string that begins at an index. */
function afterString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function afterSpace(text: string, start: number): number {
  let at = start;
  while (isSpace(text[at])) at++;
  return at;
}

function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\n" || character === "\r" || character === "\t";
}
