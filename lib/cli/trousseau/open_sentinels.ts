/**
 * Tests a provider with sentinels, one after the other.
 *
 * @module
 */
import { deadline } from "../../base/deadline.ts";
import { dekUnwrapper } from "../../envelope/unwrap.ts";
import { type KmsError, toKmsError } from "../../base/errors.ts";
import { isLoss, openSentinel, type Sentinel } from "../../services/kms/key_ring/sentinel.ts";
import type { Provider } from "../../provider/provider.ts";
import type { SentinelResult } from "../../app/sealed_before.ts";

/** Deadline for each sentinel in milliseconds. */
const callMs = 10_000;

/**
 * Unwraps all sentinels. After a failure that does not concern the version, for instance an outage, the remaining ones
 * are not tested.
 */
export async function openSentinels(
  provider: Provider,
  sentinels: readonly Sentinel[],
  signal: AbortSignal,
): Promise<readonly SentinelResult[]> {
  const results: SentinelResult[] = [];
  let away: KmsError | undefined;
  for (const sentinel of sentinels) {
    const error = away ?? await failureOf(provider, sentinel, signal);
    if (error && !isLoss(error.code)) away = error;
    results.push(error ? { sentinel, error } : { sentinel });
  }
  return results;
}

async function failureOf(provider: Provider, sentinel: Sentinel, signal: AbortSignal): Promise<KmsError | undefined> {
  using limit = deadline(callMs, signal);
  try {
    await openSentinel(sentinel, dekUnwrapper(provider, "sentinel"), { signal: limit.signal });
    return undefined;
  } catch (thrown) {
    return toKmsError(thrown);
  }
}
