/**
 * The decorators in their order.
 *
 * @module
 */
import { breaking, type CircuitBreakerProvider } from "./circuit_breaker.ts";
import { enforceContract } from "./enforced_contract.ts";
import type { Provider, ProviderContext } from "./provider.ts";
import { retrying } from "./retrying.ts";

/**
 * What the key ring holds: a bare provider, observed, retried and behind a breaker.
 *
 * `enforceContract` is innermost, so that each remote call is told of and every answer is checked before anything is decided
 * by it. `retrying` is in the middle: its repeats are calls like others. `breaking` is outermost: it judges by what
 * became of a call in the end, and what it refuses is not tried four times. Disposing it disposes the provider.
 */
export function decorate(provider: Provider, context: ProviderContext): CircuitBreakerProvider {
  return breaking(
    retrying(enforceContract(provider, context), context.clock === undefined ? {} : { clock: context.clock }),
  );
}
