/**
 * The decorators of a provider, in their order.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { withCircuitBreaker } from "./circuit_breaker.ts";
import { enforceContract } from "./enforced_contract.ts";
import type { CheckedProvider, Provider, ProviderContext } from "./provider.ts";
import { retrying } from "./retrying.ts";

/**
 * The provider that a service uses: the vendor's provider with contract checks, retries and a circuit breaker.
 *
 * `enforceContract` is innermost: each remote call emits an event, and each response is checked before another
 * decorator acts on it. `retrying` is in the middle: each of its tries is a call of its own. `withCircuitBreaker` is outermost:
 * it acts on the result after all tries, and a call that it rejects is not retried. Disposing the result disposes the
 * provider.
 */
export function decorate(provider: Provider, context: ProviderContext): CheckedProvider {
  const { clock = systemClock } = context;
  return withCircuitBreaker(retrying(enforceContract(provider, context), { clock }), { now: () => clock.now() });
}
