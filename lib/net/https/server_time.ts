/**
 * Times that a server gives, held against its own clock: this machine's may be wrong by hours until it is set.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { HttpAnswer } from "./http_answer.ts";

/** Milliseconds; servers that check the time refuse a request that is dated five minutes off. */
export const skew = 240_000;

/** Milliseconds; a token that lives for less would be replaced without end. */
const shortest = 1_000;
/** A token that seems to have expired is tried all the same: a refusal by the server is certain, a clock is not. */
const expired = 60_000;

/**
 * A server's wall time when it answered, by the Date field of its answer (RFC 9110, section 6.6.1); this machine's where
 * there is none.
 */
export function serverNow(date: string | undefined): number {
  const told = date === undefined ? NaN : Date.parse(date);
  return Number.isFinite(told) ? told : systemClock.wall();
}

/**
 * How long something lives, in milliseconds.
 *
 * @param expiresAt its end as the server gives it, in milliseconds since the epoch.
 * @param date the Date field of the same answer.
 * @param longest milliseconds that its server grants at most: neither clock can make it endless.
 */
export function lifetimeUntil(expiresAt: number, date: string | undefined, longest: number): number {
  // The Date field has whole seconds: the server's clock was up to a second further than it says.
  const left = expiresAt - serverNow(date) - (date === undefined ? 0 : 999);
  return left > 0 ? Math.min(Math.max(shortest, left), longest) : Math.min(expired, longest);
}

/**
 * Sends a request that bears this machine's time. If it is refused and this machine's clock is minutes off, it is sent
 * once more with the server's time.
 *
 * @param send takes a wall time in milliseconds since the epoch.
 * @returns the last answer, a refusal too.
 */
export async function byServersTime(send: (wall: number) => Promise<HttpAnswer>): Promise<HttpAnswer> {
  const answer = await send(systemClock.wall());
  const refused = answer.status >= 400 && answer.status < 500;
  const now = serverNow(answer.headers.date);
  return refused && Math.abs(now - systemClock.wall()) > skew ? await send(now) : answer;
}
