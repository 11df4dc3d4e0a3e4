/**
 * Waits for the wraps of one data key: for all of them, or, in haste, for little more than the quorum.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../base/clock.ts";
import { abandoned } from "../base/deadline.ts";
import type { Purpose } from "../envelope/purposes.ts";
import { type QuorumMember, wrapByAll, type WrapReport } from "../envelope/quorum.ts";
import { taggedDek } from "../envelope/seal.ts";

/** Milliseconds: the longest wait for all wraps, and the wait of a hasty order once the quorum is reached. */
const timings = { all: 10_000, hasty: 500 } as const;

/** A data key to be wrapped. */
export interface WrapOrder {
  /** 32 bytes; the caller wipes them. */
  readonly dek: Uint8Array;
  readonly purpose: Purpose;
  readonly members: readonly QuorumMember[];
  /** How many of the members that can unwrap are needed. */
  readonly needed: number;
  /** Whether to stop waiting soon after the quorum is reached. */
  readonly hasty?: boolean;
  /** Names of the providers to report as missing if they have not wrapped; the members if left out. */
  readonly expected?: readonly string[];
}

/** Has all members wrap the data key, until its time is up or `signal` fires. */
export async function fillOrder(order: WrapOrder, clock: Clock, signal: AbortSignal): Promise<WrapReport> {
  const { dek, purpose, members, needed, hasty = false } = order;
  const enough = new AbortController();
  const onAbort = () => enough.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  using bound = deadlineBy(clock, timings.all, enough.signal);
  let stopTimer = () => {};
  const onWrap = (counted: number) => {
    if (hasty && counted === needed) stopTimer = clock.after(timings.hasty, () => enough.abort(abandoned));
  };
  const tagged = taggedDek(dek, purpose);
  try {
    return await wrapByAll(tagged, members, { signal: bound.signal, left: bound.left, onWrap });
  } finally {
    tagged.fill(0);
    stopTimer();
    signal.removeEventListener("abort", onAbort);
  }
}
