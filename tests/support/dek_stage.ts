/**
 * A `DekResolver` on a fake clock, and providers whose answers a test controls.
 *
 * @module
 */
import { equalBytes } from "../../lib/base/bytes.ts";
import { orAborted } from "../../lib/base/deadline.ts";
import { type ErrorCode, KmsError, toKmsError } from "../../lib/base/errors.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { enforceContract } from "../../lib/provider/enforced_contract.ts";
import type { CallOptions, Provider, WrappedDek } from "../../lib/provider/provider.ts";
import { Waits } from "../../lib/base/waits.ts";
import { FakeClock } from "./fake_clock.ts";
import { memoryProviders } from "./memory_provider.ts";
import { type DekRequest, DekResolver, type OpenedSeed } from "../../lib/envelope/dek_resolver.ts";
import { Latencies } from "../../lib/envelope/latency.ts";
import { dekUnwrapper, type Holder, type Unwrapper, type UnwrapStrategy } from "../../lib/envelope/unwrap.ts";
import { UnwrapCache } from "../../lib/envelope/unwrap_cache.ts";

/** A provider whose server never answers an unwrap. */
function silent(inner: Provider): Provider {
  const waits = new Waits();
  const hanging: Provider = {
    ...inner,
    name: inner.name,
    kind: inner.kind,
    canUnwrap: inner.canUnwrap,
    unwrap: () => {
      waits.begin(`Vault at https://${inner.name}.test`).connected();
      return new Promise(() => {});
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return enforceContract(hanging, { notify: () => {}, waits });
}

export function holders(...names: string[]): Holder[] {
  return memoryProviders(...names).map((provider) => ({
    provider: dekUnwrapper(silent(provider), "v2"),
    wrap: { name: provider.name, version: "1", ciphertext: new Uint8Array(48) },
    sick: false,
  }));
}

/** One provider that a test answers for. */
export class Key implements Unwrapper {
  /** The answer of each call; a promise that stays open stands for a silent server. */
  answer: () => Promise<Uint8Array | undefined>;
  readonly calls: CallOptions[] = [];
  /** Whether it ends with its call's signal. */
  heeds = true;

  constructor(readonly name: string, answer: () => Promise<Uint8Array | undefined> = () => Promise.resolve(dek)) {
    this.answer = answer;
  }

  async unwrap(_wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array | undefined> {
    this.calls.push(call);
    if (!this.heeds) return await this.answer();
    return await orAborted(this.answer(), call.signal, `unwrap with provider "${this.name}"`);
  }

  /** From now on it fails. */
  fail(code: ErrorCode): void {
    this.answer = () => Promise.reject(new KmsError(code, `It is ${code}.`));
  }

  /** From now on it is silent. */
  hang(): void {
    this.answer = () => new Promise(() => {});
  }
}

export const dek = new Uint8Array(32).fill(1);

export const seed = new Uint8Array(32).fill(3);

export const limits = { entries: 10, maxAgeMs: 60_000, graceOnOutageMs: 3_600_000, lifetimeMs: 86_400_000 };

export const never = new AbortController().signal;

export class Stage implements Disposable {
  readonly clock = new FakeClock();
  readonly events: Event[] = [];
  readonly mismatched: string[] = [];
  readonly goodAt = new Map<string, number>();
  readonly cache = new UnwrapCache(limits, this.clock, (event) => this.events.push(event));
  readonly source: DekResolver;
  readonly keys: readonly Key[];

  constructor(keys: readonly Key[], strategy: UnwrapStrategy = "ordered") {
    this.keys = keys;
    this.source = new DekResolver({
      cache: this.cache,
      clock: this.clock,
      strategy,
      latencies: new Latencies(),
      lastGoodAt: (name) => this.goodAt.get(name),
      onMismatch: (name) => void this.mismatched.push(name),
    });
  }

  request(reference = "00", given: Partial<DekRequest> = {}): DekRequest {
    return {
      reference,
      holders: () =>
        this.keys.map((provider) => ({
          provider,
          wrap: { name: provider.name, version: `${provider.name}1`, ciphertext: Uint8Array.of(1) },
          sick: false,
        })),
      open: (other) => equalBytes(other, dek) ? seed : undefined,
      call: { signal: never },
      ...given,
    };
  }

  async open(reference?: string, given?: Partial<DekRequest>): Promise<OpenedSeed> {
    return await this.source.open(this.request(reference, given));
  }

  /** How it was found, or the code of the error. */
  async outcome(reference?: string, given?: Partial<DekRequest>): Promise<string> {
    return await this.open(reference, given).then(({ cache }) => cache, (thrown) => toKmsError(thrown).code);
  }

  get evicted(): string[] {
    return this.events.flatMap((event) => event.type === "cache_evicted" ? [event.reason] : []);
  }

  [Symbol.dispose](): void {
    this.source[Symbol.dispose]();
  }
}

/** The state of a promise: its result or error, or `waits`. */
export async function stateOf<T>(work: Promise<T>): Promise<T | "waits"> {
  return await Promise.race([work, new Promise<"waits">((resolve) => setImmediate(() => resolve("waits")))]);
}
