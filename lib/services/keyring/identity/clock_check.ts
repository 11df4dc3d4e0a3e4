/**
 * Refuses logins while the clock is behind.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Clock } from "../../../base/clock.ts";
import { seconds } from "../../../base/waits.ts";
import type { RecordStore } from "../records/records.ts";

/** Milliseconds that the clock may be behind the newest write of the store. */
const toleranceMs = 60_000;

/**
 * Checks that the clock is not behind the newest revision: else tokens and codes would last longer than they may.
 *
 * @throws {KeyringError} `clock_behind`
 */
export function requireClock(store: Pick<RecordStore, "newestRevision">, clock: Clock): void {
  const behindMs = store.newestRevision - clock.wall();
  if (behindMs <= toleranceMs) return;
  throw new KeyringError(
    "clock_behind",
    `Logins are refused: the clock of this server is ${
      seconds(behindMs)
    } behind the newest write of the store; set it by NTP.`,
  );
}
