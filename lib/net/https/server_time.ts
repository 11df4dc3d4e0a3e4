/**
 * Times in a server's responses, compared with the server's own clock: the clock of this machine can be wrong by hours
 * until it is set.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { HttpAnswer } from "./http_answer.ts";

/** Milliseconds. Servers that check the time refuse a request whose date differs by five minutes. */
export const maxClockSkewMs = 240_000;

/** Minimum lifetime in milliseconds; a shorter one would cause continuous renewals. */
const minLifetimeMs = 1_000;
/**
 * Lifetime in milliseconds of a token that seems expired. It is used anyway: the clock can be wrong, a refusal is
 * certain.
 */
const expired = 60_000;

/**
 * The server's wall time at its response, from the Date field (RFC 9110, section 6.6.1); the wall time of this machine
 * if the field is missing or malformed. Milliseconds since the epoch.
 */
export function serverNow(date: string | undefined): number {
  const parsed = date === undefined ? NaN : Date.parse(date);
  return Number.isFinite(parsed) ? parsed : systemClock.wall();
}

/**
 * The remaining lifetime in milliseconds.
 *
 * @param expiresAt the end as the server states it, in milliseconds since the epoch.
 * @param date the Date field of the same response.
 * @param longest maximum lifetime that the server grants, in milliseconds: a limit against wrong clocks.
 */
export function lifetimeUntil(expiresAt: number, date: string | undefined, longest: number): number {
  // The Date field has whole seconds, so that the server's clock was up to 999 ms ahead of it.
  const left = expiresAt - serverNow(date) - (date === undefined ? 0 : 999);
  return left > 0 ? Math.min(Math.max(minLifetimeMs, left), longest) : Math.min(expired, longest);
}

/**
 * Sends a request that contains the time of this machine. If it is refused and the clock of this machine is off by
 * minutes, sends it once more with the server's time.
 *
 * @param send sends the request with a wall time in milliseconds since the epoch.
 * @returns the last response, also if it is a refusal.
 */
export async function withServerTime(send: (wall: number) => Promise<HttpAnswer>): Promise<HttpAnswer> {
  const answer = await send(systemClock.wall());
  const refused = answer.status >= 400 && answer.status < 500;
  const now = serverNow(answer.headers.date);
  return refused && Math.abs(now - systemClock.wall()) > maxClockSkewMs ? await send(now) : answer;
}
