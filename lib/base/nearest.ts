/**
 * The name that was probably meant.
 *
 * @module
 */

/** Longer words are nobody's slip of the keys; comparing them would only take time. */
const longest = 64;

/**
 * How many letters have to be put in, taken out, changed or swapped with their neighbour to make one text of the other,
 * no letter touched twice (optimal string alignment).
 */
export function distance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (beforeLast[column - 2] ?? Infinity) + 1 : Infinity,
      ));
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length] ?? 0;
}

/**
 * The candidate that is nearest to `word`: by at most a third of its letters, or as one of the two begins with the
 * other (`vault` for `vault-transit`). Letter case, `-` and `_` do not count. `undefined` where none is near.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = plain(word);
  if (wanted === "" || wanted.length > longest) return undefined;
  const ranked = candidates
    .map((candidate) => ({ candidate, away: distance(wanted, plain(candidate)) }))
    .sort((a, b) => a.away - b.away);
  const [best] = ranked;
  if (best !== undefined && best.away <= Math.max(1, Math.floor(best.candidate.length / 3))) return best.candidate;
  return ranked.find(({ candidate }) => begins(wanted, plain(candidate)))?.candidate;
}

/** ` Did you mean "…"?`, the end of an error sentence; `""` where no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  return suggestion(nearest(word, candidates));
}

/** ` Did you mean "…"?` for a word that is already chosen; `""` for `undefined`. */
export function suggestion(candidate: string | undefined): string {
  return candidate === undefined ? "" : ` Did you mean "${candidate}"?`;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, "");
}

function begins(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));
}
