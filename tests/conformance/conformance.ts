/**
 * One suite for every provider: the contract of the interface, tested with each vendor's KMS.
 *
 * @module
 */
import type { ConformanceBench } from "./bench.ts";
import { callCases } from "./calls.ts";
import { criteriaOf, type Part } from "./criteria.ts";
import { faultCases } from "./faults.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { registerOutcome, Tally } from "./results.ts";
import { type Register, registerFor } from "./stage.ts";

/**
 * Registers the suite for one vendor, and a test that `docs/compatibility.md` has the results.
 *
 * @param name the vendor in the names of the tests and in `results.json`, different for each bench.
 */
export function conformance<World extends AsyncDisposable>(name: string, bench: ConformanceBench<World>): void {
  registerPart(name, bench, "whole");
}

/** The same for one more way to log in: what does not hang on the login is proven by the bench with another one. */
export function loginConformance<World extends AsyncDisposable>(name: string, bench: ConformanceBench<World>): void {
  registerPart(name, bench, "login");
}

function registerPart<World extends AsyncDisposable>(name: string, bench: ConformanceBench<World>, part: Part): void {
  const tally = new Tally(name, bench.proves, part);
  const register = registerFor(name, bench, tally);
  const asked = criteriaOf(part);
  registerCases<World>(bench, (criterion, ...rest) => {
    if (asked.includes(criterion)) register(criterion, ...rest);
  });
  registerOutcome(name, tally, bench.recorded ?? bench.proves);
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
