/**
 * The common parts of the conformance suite's cases: their registration, and the checks of an error.
 *
 * @module
 */
import assert from "node:assert/strict";
import { deadline } from "../../lib/base/deadline.ts";
import { type ErrorCode, KmsError } from "../../lib/base/errors.ts";
import type { KeyState, Provider, WrappedDek } from "../../lib/provider/provider.ts";
import { isHolderKind, providerKinds } from "../../lib/provider/registry.ts";
import { type Cannot, type ConformanceBench, isCannot } from "./bench.ts";
import type { Criterion } from "./criteria.ts";
import type { Tally } from "./results.ts";

/**
 * Milliseconds after which a call is regarded as hanging. A Vault decrypts the items of a batch one after the other:
 * eight times RSA-4096, at most half a second each while all cores are busy. The value is four times that.
 */
const patienceMs = 20_000;

/** How long a provider may need to find its way back, in milliseconds. */
const recoveryMs = 5_000;

/** One test's world with a provider opened on it. */
export interface Stage<World> {
  readonly world: World;
  readonly provider: Provider;
  /** Opens another provider on the same key, disposed with the test. */
  readonly another: () => Promise<Provider>;
}

/**
 * Registers one case. It must close everything that it opens: Deno's sanitizers detect resources that a provider leaves open.
 *
 * @param details a title in place of the criterion, and a restriction that the result shows.
 */
export type Register<World extends AsyncDisposable> = (
  criterion: Criterion,
  needs: readonly (object | Cannot)[],
  run: (stage: Stage<World>) => Promise<void>,
  details?: CaseDetails,
) => void;

/** See {@linkcode Register}. */
export interface CaseDetails {
  /** Stands in the test's name in place of the criterion: one of several cases that it has. */
  readonly title?: string;
  readonly restriction?: string | undefined;
}

/** A register for one vendor. A case that needs what the vendor cannot do is shown as ignored, with the reason. */
export function registerFor<World extends AsyncDisposable>(
  name: string,
  bench: ConformanceBench<World>,
  tally: Tally,
): Register<World> {
  return (criterion, needs, run, { title = criterion, restriction } = {}) => {
    const missing = needs.find(isCannot);
    const reason = missing === undefined ? "" : ` (cannot: ${missing.cannot})`;
    const fullTitle = restriction === undefined ? title : `${title}, ${restriction}`;
    if (missing === undefined) tally.expect(fullTitle);
    else tally.cannot(criterion, missing);
    Deno.test({
      name: `${name} conformance: ${fullTitle}${reason}`,
      ignore: missing !== undefined,
      // Deno's sanitizers count timers as resources.
      sanitizeOps: bench.leavesTimers === undefined,
      sanitizeResources: bench.leavesTimers === undefined,
      fn: async () => {
        await onStage(bench, run);
        tally.held(criterion, fullTitle, restriction);
      },
    });
  };
}

/** Runs one case in a world of its own, which is gone afterwards. */
export async function onStage<World extends AsyncDisposable>(
  bench: ConformanceBench<World>,
  run: (stage: Stage<World>) => Promise<void>,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const world = opened.use(await bench.start());
  const another = async () => opened.use(await bench.open(world));
  const provider = await another();
  const kind = providerKinds.find((one) => one === provider.kind);
  if (kind !== undefined && isHolderKind(kind)) assert.ok(provider.canUnwrap, "as the registry says");
  await run({ world, provider, another });
}

/** A data key of the size that the envelope wraps. */
export function newDek(length = 47): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Makes one call with a deadline that no answer should need. */
export async function within<T>(call: (options: { signal: AbortSignal }) => Promise<T>): Promise<T> {
  using time = deadline(patienceMs);
  return await call(time);
}

export const probe = (provider: Provider): Promise<KeyState> => within((call) => provider.probe(call));

export const wrap = (provider: Provider, dek: Uint8Array, at: KeyState): Promise<WrappedDek> =>
  within((call) => provider.wrap(dek, at, call));

export const unwrap = (provider: Provider, wrapped: WrappedDek): Promise<Uint8Array> =>
  within((call) => provider.unwrap(wrapped, call));

/** Wraps at the state that a probe gives now. */
export async function wrapNow(provider: Provider, dek: Uint8Array): Promise<WrappedDek> {
  return await wrap(provider, dek, await probe(provider));
}

/**
 * Expects an error with one of these codes. Its message must be one line that begins with the failed action, names the
 * provider, and contains none of `secret`.
 */
export async function refuses(
  provider: Provider,
  work: Promise<unknown>,
  codes: readonly ErrorCode[],
  what: string,
  secrets: readonly Uint8Array[] = [],
): Promise<KmsError> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error !== undefined, `${what}: it must not succeed`);
  assert.ok(error instanceof KmsError, `${what}: ${String(error)} is no KmsError`);
  assert.ok(codes.includes(error.code), `${what}: ${error.code} is none of ${codes.join(", ")} (${error.message})`);
  assert.match(error.message, /^Cannot [ -~]{1,300}\.$/, what);
  assert.ok(error.message.includes(`"${provider.name}"`), `${what}: "${error.message}" must name the provider`);
  for (const secret of secrets) {
    assert.ok(!error.message.includes(secret.toBase64()) && !error.message.includes(secret.toHex()), what);
  }
  return error;
}

/** Tries again until it succeeds, for as long as a provider may need to find its way back. */
export async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (const began = performance.now();;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() - began > recoveryMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
