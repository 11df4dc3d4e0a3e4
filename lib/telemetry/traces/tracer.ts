/**
 * Makes the spans of calls: one for the call, one for its look into the cache, one for each provider that is asked, and
 * one for each request to a KMS.
 *
 * The context of a call follows its promises, so that the code in between passes nothing on. Work in the background has
 * no span, and a call that is not recorded has no context.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Times } from "../../base/clock.ts";
import { toKmsError } from "../../base/errors.ts";
import type { AuditEvent, Event } from "../events.ts";
import type { Span } from "./span.ts";
import { isRecorded, randomId, remoteParent } from "./trace_context.ts";

/** A call of a client, as its server knows it. */
export interface TracedCall {
  /** The header `traceparent`. */
  readonly traceparent?: string | undefined;
}

/** Options of a {@linkcode Tracer}. */
export interface TracerOptions {
  /** The share of calls that are recorded, from 0 to 1. A call of a trace that its client records is always recorded. */
  readonly sampleRatio: number;
  readonly clock: Times;
  /** Takes a span that has ended. It neither throws nor waits. */
  readonly take: (span: Span) => void;
}

/** A call that is under way. */
interface ActiveCall {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** `/` service `/` method. */
  readonly path: string;
  /** On the monotonic clock, as all times of a call. */
  readonly startedAt: number;
  /** The wall clock less the monotonic clock: one for a call, so that a clock that is set does not shift its spans. */
  readonly ahead: number;
  /** The event of the call, once it was sent. */
  event: AuditEvent | undefined;
  askedAt: number | undefined;
  hasEnded: boolean;
}

/** The call, and the span that is the parent of the next one. */
interface TraceContext {
  readonly call: ActiveCall;
  readonly spanId: string;
  /** Whether a provider is being asked. Work in the background that began meanwhile keeps the context. */
  isAsking: boolean;
}

/** See the module. */
export class Tracer {
  readonly #options: TracerOptions;
  readonly #contexts = new AsyncLocalStorage<TraceContext>();

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /**
   * Does the work of a call. A synchronous answer is returned without a promise.
   *
   * @param path `/` service `/` method.
   */
  call<Answer>(path: string, { traceparent }: TracedCall, work: () => Answer): Answer {
    const parent = remoteParent(traceparent);
    const traceId = parent?.traceId ?? randomId(16);
    if (!(parent?.isSampled ?? isRecorded(traceId, this.#options.sampleRatio))) return this.#contexts.exit(work);
    const { clock } = this.#options;
    const startedAt = clock.now();
    const call: ActiveCall = {
      ...{
        traceId,
        spanId: randomId(8),
        parentSpanId: parent?.spanId,
        path,
        startedAt,
        ahead: clock.wall() - startedAt,
      },
      ...{ event: undefined, askedAt: undefined, hasEnded: false },
    };
    return whenSettled(
      () => this.#contexts.run({ call, spanId: call.spanId, isAsking: false }, work),
      () => this.#end(call),
    );
  }

  /** Asks a provider to unwrap. Outside of a recorded call it has no span. */
  unwrap<Answer>({ name, kind }: { name: string; kind: string }, work: () => Promise<Answer>): Promise<Answer> {
    const context = this.#contexts.getStore();
    if (context === undefined) return work();
    const { call } = context;
    if (call.hasEnded) return this.#contexts.exit(work);
    const [startedAt, spanId] = [this.#options.clock.now(), randomId(8)];
    call.askedAt ??= startedAt;
    const asking: TraceContext = { call, spanId, isAsking: true };
    const end = (thrown?: unknown) => {
      asking.isAsking = false;
      const error = thrown === undefined ? undefined : toKmsError(thrown);
      this.#take(call, {
        ...{ spanId, parentSpanId: context.spanId, startedAt, kind: "internal", name: `unwrap ${name}` },
        attributes: {
          "trousseau.provider": name,
          "trousseau.provider.kind": kind,
          "trousseau.result": error?.code ?? "ok",
        },
        error: error?.message,
      });
    };
    return whenSettled(() => this.#contexts.run(asking, work), end);
  }

  /** Takes note of an event of the call that is under way. Others are none of its business. */
  observe(event: Event): void {
    if (event.type !== "rpc" && event.type !== "provider_call") return;
    const context = this.#contexts.getStore();
    if (context === undefined) return;
    if (event.type === "rpc") {
      if (!context.call.hasEnded) context.call.event = event;
      return;
    }
    if (event.verb !== "unwrap" || !context.isAsking) return;
    this.#take(context.call, {
      ...{ spanId: randomId(8), parentSpanId: context.spanId, kind: "client", name: `KMS ${event.verb}` },
      startedAt: this.#options.clock.now() - event.seconds * 1000,
      attributes: {
        "trousseau.provider": event.provider,
        "trousseau.provider.kind": event.kind,
        "trousseau.result": event.result,
      },
      error: event.result === "ok" ? undefined : event.message ?? event.result,
    });
  }

  #end(call: ActiveCall): void {
    call.hasEnded = true;
    const { event, path, spanId, parentSpanId, startedAt } = call;
    const endedAt = this.#options.clock.now();
    this.#endCache(call, endedAt);
    const [, service, method] = path.split("/");
    this.#take(call, {
      ...{ spanId, parentSpanId, startedAt, endedAt, kind: "server", name: path.slice(1) },
      attributes: { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method, ...attributesOf(event) },
      error: event === undefined || event.result === "ok" ? undefined : event.message ?? event.result,
    });
  }

  /** The cache had the data key at the end of a hit; of a miss, it had none when the first provider was asked. */
  #endCache(call: ActiveCall, endedAt: number): void {
    const { askedAt, event, spanId, startedAt } = call;
    const result = event?.cache ?? (askedAt === undefined ? undefined : "miss");
    if (result === undefined) return;
    this.#take(call, {
      ...{ spanId: randomId(8), parentSpanId: spanId, startedAt, kind: "internal", name: "cache" },
      endedAt: askedAt ?? endedAt,
      attributes: { "trousseau.cache": result },
      error: undefined,
    });
  }

  #take(
    { traceId, ahead }: ActiveCall,
    { startedAt, endedAt = this.#options.clock.now(), ...span }:
      & Omit<Span, "traceId" | "endedAt">
      & { readonly endedAt?: number },
  ): void {
    this.#options.take({ ...span, traceId, startedAt: startedAt + ahead, endedAt: endedAt + ahead });
  }
}

/** The event of a call as attributes. Plaintexts, ciphertexts and keys are in no event. */
function attributesOf(event: AuditEvent | undefined): Span["attributes"] {
  if (event === undefined) return {};
  return {
    "trousseau.api": event.api,
    "trousseau.operation": event.operation,
    "trousseau.uid": event.uid,
    "trousseau.result": event.result,
    "trousseau.key_id": event.keyId === "" ? undefined : event.keyId,
    "trousseau.cache": event.cache,
    "trousseau.foreign": event.foreign,
    "trousseau.providers": event.providers?.map(({ name, version }) => `${name}@${version}`),
  };
}

/** Does work, and calls `end` when it has answered or thrown, with what it threw. */
function whenSettled<Answer>(work: () => Answer, end: (thrown?: unknown) => void): Answer {
  let answer: Answer;
  try {
    answer = work();
  } catch (thrown) {
    end(thrown);
    throw thrown;
  }
  if (!(answer instanceof Promise)) {
    end();
    return answer;
  }
  return answer.then((value) => {
    end();
    return value;
  }, (thrown) => {
    end(thrown);
    throw thrown;
  }) as Answer;
}
