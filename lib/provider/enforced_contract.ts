/**
 * Holds a provider to its contract and tells of each call: the decorator next to the vendor's code.
 *
 * @module
 */
import { utf8 } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { abortError, isTimeout, orAborted, startedOrAborted } from "../base/deadline.ts";
import { type ErrorCode, KmsError, toKmsError } from "../base/errors.ts";
import type { ProviderVerb } from "../telemetry/events.ts";
import {
  type CallOptions,
  type CheckedProvider,
  type ForeignCiphertext,
  type KeyState,
  type Provider,
  type ProviderContext,
  providerLimits,
  type Unwrappable,
  type WrappedDek,
} from "./provider.ts";
import { maxWrapOf } from "./registry.ts";

/**
 * Emits one `provider_call` for each call that was begun, and lets nothing pass that the contract does not allow.
 *
 * - A call ends with its signal, even if the provider does not heed it: `deadline_exceeded` or `cancelled`.
 * - Whatever is thrown arrives as a KmsError.
 * - A version of more than 256 bytes, or a ciphertext of none or more bytes than its kind ever gives, is
 *   `provider_protocol`: the annotations of several providers have to fit together. A data key of none or more than 64
 *   bytes is `integrity`: the KMS did open it, so the bytes were not wrapped by us.
 */
export function enforceContract(provider: Provider, context: ProviderContext): CheckedProvider {
  const { clock = systemClock } = context;
  const { name, kind } = provider;
  const actions = { probe: actionOf("probe", name), wrap: actionOf("wrap", name), unwrap: actionOf("unwrap", name) };

  async function call<T>(
    verb: ProviderVerb,
    signal: AbortSignal,
    work: () => Promise<T>,
    fault: (answer: T) => Fault | undefined,
  ): Promise<T> {
    const action = actions[verb];
    if (signal.aborted) throw abortError(signal, action);
    const began = clock.now();
    let silent: string | undefined;
    // Read before the work's own listeners run, which remove the pending requests that the message names.
    const onAbort = () => silent = context.waits?.silent(clock.now() - began);
    try {
      // What a vendor's method throws at once is caught here as well.
      const answer = await startedOrAborted(work, signal, action, onAbort);
      const found = fault(answer);
      if (found !== undefined) throw new KmsError(found.code, `Cannot ${action}: ${found.why}.`);
      report(verb, began);
      return answer;
    } catch (thrown) {
      const error = signal.aborted ? lateError(thrown, signal, action, silent) : toKmsError(thrown);
      report(verb, began, error);
      throw error;
    }
  }

  const maxWrap = maxWrapOf(provider.kind);

  function report(verb: ProviderVerb, began: number, error?: KmsError): void {
    const seconds = (clock.now() - began) / 1000;
    if (error === undefined) {
      context.notify({ type: "provider_call", provider: name, kind, verb, seconds, result: "ok" });
      return;
    }
    const { code: result, message } = error;
    context.notify({ type: "provider_call", provider: name, kind, verb, seconds, result, message });
  }

  return {
    name: provider.name,
    kind: provider.kind,
    canUnwrap: provider.canUnwrap,
    probe: (options: CallOptions) => call("probe", options.signal, () => provider.probe(options), stateFault),
    wrap: (dek: Uint8Array, at: KeyState, options: CallOptions) =>
      call(
        "wrap",
        options.signal,
        () => provider.wrap(dek, at, options),
        (answer) => wrappedFault(answer, maxWrap),
      ),
    unwrap: (wrapped: Unwrappable, options: CallOptions) =>
      call(
        "unwrap",
        options.signal,
        () => isForeign(wrapped) ? openForeign(provider, wrapped, options) : provider.unwrap(wrapped, options),
        dekFault,
      ),
    ...remarksPart(provider),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

function isForeign(wrapped: Unwrappable): wrapped is ForeignCiphertext {
  return !("version" in wrapped);
}

/** @throws {KmsError} `integrity` if the vendor knows no other program's data. */
function openForeign(provider: Provider, foreign: ForeignCiphertext, options: CallOptions): Promise<Uint8Array> {
  if (provider.unwrapForeign !== undefined) return provider.unwrapForeign(foreign, options);
  const why = "it reads nothing that others wrote";
  throw new KmsError("integrity", `Cannot decrypt with provider "${provider.name}": ${why}.`);
}

/** The error of a call whose signal has fired: its own where it has one, and the name of the server that was silent. */
function lateError(thrown: unknown, signal: AbortSignal, action: string, silent: string | undefined): KmsError {
  const error = thrown instanceof KmsError ? thrown : abortError(signal, action);
  if (error.code !== "deadline_exceeded" || silent === undefined || !isTimeout(signal)) return error;
  return new KmsError("deadline_exceeded", `Cannot ${action}: ${silent}.`, { cause: thrown });
}

/** Passed on, with an end at the signal. It is no call of a service, so that nothing is told of it. */
function remarksPart(provider: Provider): Pick<Provider, "remarks"> {
  const own = provider.remarks?.bind(provider);
  if (own === undefined) return {};
  const action = `look at the key of provider "${provider.name}"`;
  return { remarks: (versions, options) => orAborted(own(versions, options), options.signal, action) };
}

/** How an error's sentence names a call. */
export function actionOf(verb: ProviderVerb, name: string): string {
  return verb === "probe" ? `probe provider "${name}"` : `${verb} with provider "${name}"`;
}

interface Fault {
  readonly code: ErrorCode;
  readonly why: string;
}

function stateFault({ version, order }: KeyState): Fault | undefined {
  if (order !== undefined && !Number.isFinite(order)) return unacceptable("an order that is no number");
  return versionFault(version);
}

function wrappedFault({ version, ciphertext }: WrappedDek, maxWrap: number): Fault | undefined {
  const { length } = ciphertext;
  if (length === 0 || length > maxWrap) return unacceptable(`a ciphertext of ${length} bytes`);
  return versionFault(version);
}

function versionFault(version: string): Fault | undefined {
  const { length } = utf8(version);
  return length === 0 || length > providerLimits.version ? unacceptable(`a version of ${length} bytes`) : undefined;
}

function dekFault({ length }: Uint8Array): Fault | undefined {
  if (length > 0 && length <= providerLimits.dek) return undefined;
  return { code: "integrity", why: `it holds ${length} bytes, which is no data key` };
}

function unacceptable(what: string): Fault {
  return { code: "provider_protocol", why: `the KMS answered with ${what}` };
}
