/**
 * Durations in the configuration: a whole number and one unit.
 *
 * @module
 */

/** Milliseconds of each unit, the largest first. */
const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const satisfies Record<string, number>;

type Unit = keyof typeof units;

/** For instance `500ms`, `75s`, `10m`, `24h`, `7d`; at most nine digits, so that every duration is a safe integer. */
export const durationPattern = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/;

/** Milliseconds; `undefined` if the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = durationPattern.exec(text) ?? [];
  return count === undefined || unit === undefined ? undefined : Number(count) * units[unit as Unit];
}

/**
 * The shortest text from which {@linkcode parseDuration} returns the same duration.
 *
 * @param ms whole milliseconds.
 */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const found = (Object.keys(units) as Unit[]).find((unit) => ms % units[unit] === 0) ?? "ms";
  return `${ms / units[found]}${found}`;
}
