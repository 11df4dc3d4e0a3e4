/**
 * The end of a complaint about a name that does not exist.
 *
 * @module
 */
import { nearest } from "../config/nearest.ts";

/** ` Did you mean "…"?`, or nothing where no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? "" : ` Did you mean "${candidate}"?`;
}
