/**
 * The deadline that a client sends with its call.
 *
 * @module
 */

/** Milliseconds in each unit that gRPC has ("gRPC over HTTP2", `Timeout`). */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Reads `grpc-timeout`.
 *
 * @returns milliseconds from when the call was made; `undefined` where its client set none, or none that gRPC has.
 */
export function timeoutOf(header: string | undefined): number | undefined {
  const [, value, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(header ?? "") ?? [];
  return value === undefined ? undefined : Number(value) * (units[unit] ?? NaN);
}
