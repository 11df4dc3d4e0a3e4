/**
 * The anchors of error sentences: the row of `docs/errors.md` that has the cause and the cure of a message.
 *
 * It should be loaded lazily, since no call that succeeds needs its table.
 *
 * @module
 */
import table from "./error_anchors.tsv" with { type: "text" };

/** A sentence of the table, divided at its placeholders. */
interface KnownSentence {
  readonly anchor: string;
  readonly says: string;
  /** Its texts between the placeholders in order, in lower case; the first and the last may be empty. */
  readonly parts: readonly string[];
  /** The longest of the parts. */
  readonly longest: string;
  /** A longer sentence weighs more. */
  readonly weight: number;
  /** Whether it is a whole sentence and not the end of one. */
  readonly isWhole: boolean;
}

/** A sentence that a message contains. */
interface FoundSentence {
  readonly sentence: KnownSentence;
  /** The texts of its placeholders, which can contain the reason. */
  readonly gaps: readonly string[];
}

/** Matches a placeholder of a sentence of `docs/errors.md`. */
export const sentencePlaceholder = /\{[^{}\s]+\}/;

/** Number of characters of a message that are read, and of sentences within each other. */
const limits = { characters: 8192, depth: 8 } as const;

/** The beginning of most sentences, which says less than their end. */
const head = /^Cannot \{[^{}\s]+\}: /;

const sentences: readonly KnownSentence[] = table.trimEnd().split("\n").map(knownSentence);

function knownSentence(row: string): KnownSentence {
  const [anchor = "", says = ""] = row.split("\t");
  const parts = partsOf(says);
  const longest = parts.reduce((one, other) => other.length > one.length ? other : one);
  return { anchor, says, parts, longest, weight: weightOf(says), isWhole: says.endsWith(".") };
}

/** By letters and digits, then by other characters. A sentence that is only a head weighs nothing. */
function weightOf(says: string): number {
  const text = partsOf(says.replace(head, "")).join("");
  const letters = text.replace(/[^\p{L}\p{N}]/gu, "").length;
  return letters === 0 ? 0 : letters * 1000 + text.length;
}

/** A sentence is also found without its full stop. */
function partsOf(says: string): readonly string[] {
  return says.toLowerCase().replace(/\.$/, "").split(sentencePlaceholder);
}

/**
 * The anchor of the most specific sentence that a message contains: the longest, and then the longest within its
 * placeholders, because the reason of a failure stands there.
 *
 * @returns `undefined` if no sentence of this version is in the message.
 */
export function anchorOf(message: string): string | undefined {
  return mostSpecific(message.slice(0, limits.characters).toLowerCase(), limits.depth)?.anchor;
}

/** The sentence of an anchor, with its placeholders. */
export function sentenceAt(anchor: string): string | undefined {
  return sentences.find((one) => one.anchor === anchor)?.says;
}

/** The anchors of messages without repetition, in the order of the messages. */
export function anchorsOf(messages: readonly string[]): readonly string[] {
  return [...new Set(messages.flatMap((message) => anchorOf(message) ?? []))];
}

function mostSpecific(text: string, depth: number): KnownSentence | undefined {
  let best: FoundSentence | undefined;
  for (const sentence of sentences) {
    if (sentence.weight <= (best?.sentence.weight ?? -1) || !text.includes(sentence.longest)) continue;
    best = foundIn(text, sentence) ?? best;
  }
  if (best === undefined || depth === 0) return best?.sentence;
  // The reason is the last that is said.
  for (const gap of best.gaps.toReversed()) {
    const inner = mostSpecific(gap, depth - 1);
    if (inner !== undefined) return inner;
  }
  return best.sentence;
}

/** The sentence in the text, with the leftmost place of each part. */
function foundIn(text: string, sentence: KnownSentence): FoundSentence | undefined {
  const { parts, isWhole } = sentence;
  const gaps: string[] = [];
  let from = 0;
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    if (part === "" && isLast) gaps.push(text.slice(from));
    if (part === "") continue;
    const at = placeOf(part, text, from, index === 0, isLast);
    if (at < 0) return undefined;
    // The end of a sentence has its subject before it, where no reason stands.
    if (index > 0 && (isWhole || from > 0)) gaps.push(text.slice(from, at));
    from = at + part.length;
  }
  return { sentence, gaps };
}

/** The first place of a part from an index on; at the ends of a sentence it begins and ends with a whole word. */
function placeOf(part: string, text: string, from: number, isFirst: boolean, isLast: boolean): number {
  for (let at = text.indexOf(part, from); at >= 0; at = text.indexOf(part, at + 1)) {
    const isBegun = !isFirst || isBetweenWords(text, at);
    if (isBegun && (!isLast || isBetweenWords(text, at + part.length))) return at;
  }
  return -1;
}

function isBetweenWords(text: string, at: number): boolean {
  return !/^\w\w$/.test(text.slice(Math.max(at - 1, 0), at + 1));
}
