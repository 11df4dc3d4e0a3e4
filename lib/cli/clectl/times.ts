/**
 * Durations and points in time as people type them.
 *
 * @module
 */
import { type Clock, rfc3339 } from "../../base/clock.ts";
import { parseDuration } from "../../base/duration.ts";
import { UsageError } from "../command.ts";

/** Milliseconds of a text as `500ms`, `10s`, `5m`, `1h` or `90d`. @throws {UsageError} */
export function durationMs(text: string, option: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new UsageError(`${option} takes a number and a unit, as in 10s, 5m, 1h or 90d.`);
}

/** The point in time of an RFC 3339 text, or of a duration from now on, as RFC 3339 in UTC. @throws {UsageError} */
export function pointInTime(text: string, option: string, clock: Clock): string {
  const isDate = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const wall = isDate ? Date.parse(text) : clock.wall() + durationMs(text, option);
  const point = Number.isNaN(wall) ? undefined : rfc3339(wall);
  if (point === undefined) {
    throw new UsageError(`${option} takes a time as 2027-01-31T00:00:00Z, or a duration as 90d.`);
  }
  return point;
}
