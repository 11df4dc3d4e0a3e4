/**
 * Durations as an operator writes them: a whole number and one unit.
 *
 * @module
 */

/** Milliseconds of each unit, the largest first. */
const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const satisfies Record<string, number>;

type Unit = keyof typeof units;

/** `500ms`, `75s`, `10m`, `24h`, `7d`; nine digits at most, so that no duration leaves the safe integers. */
export const durationPattern = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/;

/** Milliseconds, or `undefined` if the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = durationPattern.exec(text) ?? [];
  return count === undefined || unit === undefined ? undefined : Number(count) * units[unit as Unit];
}

/**
 * The shortest way to write a duration, so that {@linkcode parseDuration} gives it back.
 *
 * @param ms whole milliseconds.
 */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const found = (Object.keys(units) as Unit[]).find((unit) => ms % units[unit] === 0) ?? "ms";
  return `${ms / units[found]}${found}`;
}
