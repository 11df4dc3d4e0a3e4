/**
 * Status values with times of the monotonic clock, converted to the wall clock at the time of the call.
 *
 * @module
 */
import type { WallTimes } from "../base/clock.ts";
import type { DecryptStatus, ProviderHealth } from "./status.ts";
import type { Health } from "./health.ts";

/** How a provider is. */
export function shownHealth(
  { name, kind }: { readonly name: string; readonly kind: string },
  { state, since, code, message, lastGoodAt }: Health,
  times: WallTimes,
): ProviderHealth {
  return { name, kind, health: state, since: times.of(since), code, message, lastGoodAt: shown(lastGoodAt, times) };
}

/** How Decrypts ended. */
export function shownDecrypts({ lastOpenedAt, refused, ...rest }: DecryptStatus, times: WallTimes): DecryptStatus {
  return {
    ...rest,
    lastOpenedAt: shown(lastOpenedAt, times),
    refused: refused.map((one) => ({ ...one, since: times.of(one.since), lastAt: times.of(one.lastAt) })),
  };
}

/** A moment that may be missing. */
export function shown(moment: number | undefined, times: WallTimes): number | undefined {
  return moment === undefined ? undefined : times.of(moment);
}
