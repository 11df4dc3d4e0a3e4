/**
 * The name that was probably meant.
 *
 * @module
 */

/**
 * How many letters have to be put in, taken out, changed or swapped with their neighbour to make one text of the other
 * (the distance of optimal string alignment).
 */
function distance(from: string, to: string): number {
  let older: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const here = [row];
    for (let column = 1; column <= to.length; column++) {
      const changed = from[row - 1] === to[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      here.push(Math.min(
        (above[column] ?? 0) + 1,
        (here[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + changed,
        swapped ? (older[column - 2] ?? 0) + 1 : Infinity,
      ));
    }
    older = above;
    above = here;
  }
  return above[to.length] ?? 0;
}

/** The candidate that is nearest to `word`, or `undefined` where none is near enough to be meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const lowered = word.toLowerCase();
  const [best] = candidates
    .map((candidate) => ({ candidate, away: distance(lowered, candidate.toLowerCase()) }))
    .sort((a, b) => a.away - b.away);
  if (best === undefined) return undefined;
  return best.away <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}

/** ` Did you mean "…"?`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? "" : ` Did you mean "${candidate}"?`;
}
