/**
 * Converts the times of status values from moments of the monotonic clock to the wall clock.
 *
 * @module
 */
import type { WallTimes } from "../base/clock.ts";
import type { DecryptStatus, ProviderHealth } from "./status.ts";
import type { Health } from "./health.ts";

/** The health of a provider. */
export function shownHealth(
  { name, kind }: { readonly name: string; readonly kind: string },
  { state, since, code, message, lastGoodAt }: Health,
  times: WallTimes,
): ProviderHealth {
  return { name, kind, health: state, since: times.of(since), code, message, lastGoodAt: shown(lastGoodAt, times) };
}

/** The status of Decrypts. */
export function shownDecrypts({ lastOpenedAt, refused, ...rest }: DecryptStatus, times: WallTimes): DecryptStatus {
  return {
    ...rest,
    lastOpenedAt: shown(lastOpenedAt, times),
    refused: refused.map((one) => ({ ...one, since: times.of(one.since), lastAt: times.of(one.lastAt) })),
  };
}

/** A moment, if there is one. */
export function shown(moment: number | undefined, times: WallTimes): number | undefined {
  return moment === undefined ? undefined : times.of(moment);
}
