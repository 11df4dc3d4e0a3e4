/**
 * Refused Decrypts in words.
 *
 * @module
 */
import type { RefusedDecrypts } from "./status.ts";

/** `1 envelope`, `3 envelopes`: all codes together. */
export function counted(refused: readonly Pick<RefusedDecrypts, "envelopes">[]): string {
  const all = refused.reduce((sum, { envelopes }) => sum + envelopes, 0);
  return all === 1 ? "1 envelope" : `${all} envelopes`;
}

/** A window in words: `5 minutes`. */
export function minutes(ms: number): string {
  return `${Math.round(ms / 60_000)} minutes`;
}
