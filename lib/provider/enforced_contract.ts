/**
 * Enforces the contract of providers and emits an event for each call. It is the innermost decorator.
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
 * Emits one `provider_call` for each call that has begun, and rejects each response that the contract does not permit.
 *
 * - A call ends when its signal is aborted, even if the provider ignores the signal: `deadline_exceeded` or
 *   `cancelled`.
 * - Every error becomes a KmsError.
 * - A version of 0 or more than 256 bytes, or a ciphertext of 0 bytes or more than the maximum of its kind, is
 *   `provider_protocol`: the annotations of several providers must fit into one envelope. A data key of 0 or more than
 *   64 bytes is `integrity`: the KMS did decrypt it, so this program did not wrap it.
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
    // Read before the listeners of the call itself run: they remove the pending requests that the message names.
    const onAbort = () => silent = context.waits?.silent(clock.now() - began);
    try {
      // This also catches an error that the vendor's method throws synchronously.
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

/** @throws {KmsError} `integrity` if the vendor does not support data of other programs. */
function openForeign(provider: Provider, foreign: ForeignCiphertext, options: CallOptions): Promise<Uint8Array> {
  if (provider.unwrapForeign !== undefined) return provider.unwrapForeign(foreign, options);
  const why = "it reads nothing that others wrote";
  throw new KmsError("integrity", `Cannot decrypt with provider "${provider.name}": ${why}.`);
}

/**
 * The error of a call whose signal is aborted: the provider's own KmsError if there is one, with the name of the server
 * that did not respond.
 */
function lateError(thrown: unknown, signal: AbortSignal, action: string, silent: string | undefined): KmsError {
  const error = thrown instanceof KmsError ? thrown : abortError(signal, action);
  if (error.code !== "deadline_exceeded" || silent === undefined || !isTimeout(signal)) return error;
  return new KmsError("deadline_exceeded", `Cannot ${action}: ${silent}.`, { cause: thrown });
}

/**
 * The provider's own `remarks`, which end when the signal is aborted. They are not calls of a service and emit no
 * event.
 */
function remarksPart(provider: Provider): Pick<Provider, "remarks"> {
  const own = provider.remarks?.bind(provider);
  if (own === undefined) return {};
  const action = `look at the key of provider "${provider.name}"`;
  return { remarks: (versions, options) => orAborted(own(versions, options), options.signal, action) };
}

/** The name of a call in error messages. */
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
