/**
 * One suite for every provider: what the interface promises, tried on each vendor's KMS.
 *
 * @module
 */
import type { ConformanceBench } from "./bench.ts";
import { callCases } from "./calls.ts";
import { faultCases } from "./faults.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { type Register, registerFor } from "./stage.ts";

/**
 * Registers the suite for one vendor.
 *
 * @param name how the vendor is called in the names of the tests.
 */
export function conformance<World extends AsyncDisposable>(name: string, bench: ConformanceBench<World>): void {
  registerCases(bench, registerFor(name, bench));
}

/** Hands every case to `register`. */
export function registerCases<World extends AsyncDisposable>(
  bench: ConformanceBench<World>,
  register: Register<World>,
): void {
  callCases(register);
  lifecycleCases(bench, register);
  faultCases(bench, register);
}
