/**
 * The difference between the clock of a KMS and that of this machine.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";

/** Milliseconds. A slower call, for instance one with a login, tells too little about the time of its answer. */
const slowestMs = 2_000;

/**
 * Milliseconds by which a server's clock is ahead, from the Date header of its response, exact to two seconds. `undefined`
 * without the header, which has whole seconds, and for a call of more than two seconds.
 *
 * @param sentAt wall time of the request, in milliseconds since the epoch.
 */
export function clockAheadOf(date: string | undefined, sentAt: number): number | undefined {
  const at = Date.parse(date ?? "");
  const now = systemClock.wall();
  return Number.isFinite(at) && now - sentAt <= slowestMs ? at + 500 - (sentAt + now) / 2 : undefined;
}
