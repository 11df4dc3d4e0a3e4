/**
 * The traces of the plugin: spans of its calls and providers, and their export.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { version } from "../base/version.ts";
import type { TracesConfig } from "../config/traces.ts";
import type { AroundCall } from "../net/grpc/server.ts";
import type { CallOptions, CheckedProvider, KeyState, Unwrappable, WrappedDek } from "../provider/provider.ts";
import type { Notify } from "../telemetry/events.ts";
import { SpanExporter } from "../telemetry/traces/span_exporter.ts";
import { Tracer } from "../telemetry/traces/tracer.ts";
import { SpanSender } from "./span_sender.ts";

/** Open traces. */
export interface Tracing extends AsyncDisposable {
  /** Passes each event on, after a look at it. */
  readonly notify: Notify;
  /** Does the work of a call inside a span. */
  readonly call: AroundCall;
  /** Gives spans to the unwraps of a provider. */
  readonly provider: (provider: CheckedProvider) => CheckedProvider;
  /** Sends what is waiting within `ms` milliseconds, and drops the rest. */
  flush(ms: number): Promise<void>;
}

/** Opens the traces. It makes no connection. @throws {KmsError} `config` if the CA file cannot be used. */
export async function openTracing(config: TracesConfig, notify: Notify): Promise<Tracing> {
  const sender = await SpanSender.open(config, notify);
  const exporter = new SpanExporter({
    source: { service: "trousseau", version, instance: crypto.randomUUID() },
    send: (body, signal) => sender.send(body, signal),
    clock: systemClock,
    notify,
  });
  const tracer = new Tracer({
    sampleRatio: config.sampleRatio,
    clock: systemClock,
    take: (span) => exporter.take(span),
  });
  return {
    notify(event) {
      tracer.observe(event);
      notify(event);
    },
    call: (path, call, work) => tracer.call(path, call, work),
    provider: (provider) => new TracedProvider(provider, tracer),
    flush: (ms) => exporter.flush(ms),
    [Symbol.asyncDispose]() {
      exporter[Symbol.dispose]();
      sender[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

class TracedProvider implements CheckedProvider {
  readonly name: string;
  readonly kind: string;
  readonly canUnwrap: boolean;
  readonly #inner: CheckedProvider;
  readonly #tracer: Tracer;

  constructor(inner: CheckedProvider, tracer: Tracer) {
    this.name = inner.name;
    this.kind = inner.kind;
    this.canUnwrap = inner.canUnwrap;
    this.#inner = inner;
    this.#tracer = tracer;
  }

  probe(call: CallOptions): Promise<KeyState> {
    return this.#inner.probe(call);
  }

  wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    return this.#inner.wrap(dek, at, call);
  }

  unwrap(wrapped: Unwrappable, call: CallOptions): Promise<Uint8Array> {
    return this.#tracer.unwrap(this, () => this.#inner.unwrap(wrapped, call));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}
