/**
 * A span: one piece of work of a trace.
 *
 * @module
 */

/** The values of attributes. None holds a value of a client, a plaintext or a key. */
export type SpanAttributes = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The kinds of spans, by their numbers in OTLP. */
export const spanKinds = { internal: 1, server: 2, client: 3 } as const;

/** A span that has ended. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** 16 hexadecimal digits; `undefined` for the root of a trace. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: keyof typeof spanKinds;
  /** Milliseconds since the epoch, with fractions. */
  readonly startedAt: number;
  /** Milliseconds since the epoch, with fractions; not before `startedAt`. */
  readonly endedAt: number;
  /** One without a value is left out. */
  readonly attributes: SpanAttributes;
  /** One sentence for a failure, as in the log; `undefined` if the work succeeded. */
  readonly error: string | undefined;
}
