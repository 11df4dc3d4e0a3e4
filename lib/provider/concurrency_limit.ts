/**
 * A provider for a KMS that takes one data key a request. Up to 16 requests are in flight; further calls are queued.
 *
 * @module
 */
import type { Notify, ProviderVerb } from "../telemetry/events.ts";
import { Batcher } from "./batching.ts";
import type { HttpCall } from "../net/https/endpoint.ts";
import type { KeyExamination } from "./key_findings.ts";
import type { CallOptions, Examine, ForeignCiphertext, KeyState, Provider, Remarks, WrappedDek } from "./provider.ts";

/** Maximum number of concurrent requests for each verb. */
const inFlight = 16;

/** A vendor's client for one key. Each call contains the action that error messages name. */
export interface RemoteKey extends AsyncDisposable {
  probe(call: HttpCall): Promise<KeyState>;
  wrap(dek: Uint8Array, at: KeyState, call: HttpCall): Promise<WrappedDek>;
  unwrap(wrapped: WrappedDek, call: HttpCall): Promise<Uint8Array>;
  unwrapForeign?(foreign: ForeignCiphertext, call: HttpCall): Promise<Uint8Array>;
  remarks?(versions: readonly string[], call: HttpCall): Promise<readonly string[]>;
  examine?(versions: readonly string[], call: HttpCall): Promise<KeyExamination>;
}

/** Name and kind of a provider. */
interface Names {
  readonly name: string;
  readonly kind: string;
}

/** The key as a provider with bounded concurrency. Disposing it disposes the key. */
export function limitConcurrency(names: Names, key: RemoteKey, notify: Notify): Provider {
  return new ConcurrencyLimit(names, key, notify);
}

type Work<Out> = (call: HttpCall) => Promise<Out>;

class ConcurrencyLimit implements Provider {
  readonly name: string;
  readonly kind: string;
  readonly canUnwrap = true;
  readonly unwrapForeign?: NonNullable<Provider["unwrapForeign"]>;
  readonly remarks?: Remarks;
  readonly examine?: Examine;
  readonly #key: RemoteKey;
  readonly #wraps: Batcher<Work<WrappedDek>, WrappedDek>;
  readonly #unwraps: Batcher<Work<Uint8Array>, Uint8Array>;

  constructor({ name, kind }: Names, key: RemoteKey, notify: Notify) {
    this.name = name;
    this.kind = kind;
    this.#key = key;
    this.#wraps = this.#queue("wrap", notify);
    this.#unwraps = this.#queue("unwrap", notify);
    const foreign = key.unwrapForeign?.bind(key);
    if (foreign !== undefined) {
      this.unwrapForeign = (bytes, { signal }) => this.#unwraps.call((call) => foreign(bytes, call), signal);
    }
    const remarks = key.remarks?.bind(key);
    if (remarks !== undefined) {
      const action = `look at the key of provider "${name}"`;
      this.remarks = (versions, { signal }) => remarks(versions, { signal, action });
    }
    const examine = key.examine?.bind(key);
    if (examine !== undefined) {
      const action = `examine the key of provider "${name}"`;
      this.examine = (versions, { signal }) => examine(versions, { signal, action });
    }
  }

  probe({ signal }: CallOptions): Promise<KeyState> {
    return this.#key.probe(this.#call("probe", signal));
  }

  wrap(dek: Uint8Array, at: KeyState, { signal }: CallOptions): Promise<WrappedDek> {
    return this.#wraps.call((call) => this.#key.wrap(dek, at, call), signal);
  }

  unwrap(wrapped: WrappedDek, { signal }: CallOptions): Promise<Uint8Array> {
    return this.#unwraps.call((call) => this.#key.unwrap(wrapped, call), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#key[Symbol.asyncDispose]();
  }

  #queue<Out>(verb: "wrap" | "unwrap", notify: Notify): Batcher<Work<Out>, Out> {
    return new Batcher<Work<Out>, Out>({
      provider: this.name,
      verb,
      inFlight,
      size: 1,
      notify,
      send: (items, signal) => Promise.all(items.map((work) => work(this.#call(verb, signal)))),
    });
  }

  #call(verb: ProviderVerb, signal: AbortSignal): HttpCall {
    return { signal, action: `${verb} with provider "${this.name}"` };
  }
}
