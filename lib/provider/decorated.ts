/**
 * The decorators in their order.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { breaking } from "./circuit_breaker.ts";
import { enforceContract } from "./enforced_contract.ts";
import type { CheckedProvider, Provider, ProviderContext } from "./provider.ts";
import { retrying } from "./retrying.ts";

/**
 * The provider that a service holds: a vendor's, checked, retried and behind a circuit breaker.
 *
 * `enforceContract` is innermost: each remote call makes an event, and every answer is checked before a decorator decides
 * by it. `retrying` is in the middle: each of its repeats is a call. `breaking` is outermost: it decides by the result
 * after all repeats, and a call that it refuses is not repeated. Disposing the result disposes the provider.
 */
export function decorate(provider: Provider, context: ProviderContext): CheckedProvider {
  const { clock = systemClock } = context;
  return breaking(retrying(enforceContract(provider, context), { clock }), { now: () => clock.now() });
}
