/**
 * Spans as OTLP in JSON.
 *
 * Source: OpenTelemetry protocol 1.9, `ExportTraceServiceRequest`, and "JSON Protobuf Encoding": IDs are hexadecimal,
 * enumerations are numbers, and integers of 64 bits are texts.
 *
 * @module
 */
import { utf8 } from "../../base/bytes.ts";
import { type Span, type SpanAttributes, spanKinds } from "./span.ts";

/** The path below an endpoint. */
export const otlpTracesPath = "/v1/traces";

/** The program whose spans they are. */
export interface SpanSource {
  /** `service.name` */
  readonly service: string;
  readonly version: string;
  /** `service.instance.id`: a text that differs between processes. */
  readonly instance: string;
}

/** `Status.code` of a failure. */
const failed = 2;

/** The body of a request with these spans. */
export function otlpBody(spans: readonly Span[], { service, version, instance }: SpanSource): Uint8Array {
  const resource = { "service.name": service, "service.version": version, "service.instance.id": instance };
  return utf8(JSON.stringify({
    resourceSpans: [{
      resource: { attributes: attributesOf(resource) },
      scopeSpans: [{ scope: { name: "trousseau", version }, spans: spans.map(otlpSpan) }],
    }],
  }));
}

function otlpSpan({ traceId, spanId, parentSpanId, name, kind, startedAt, endedAt, attributes, error }: Span): unknown {
  return {
    traceId,
    spanId,
    parentSpanId,
    name,
    kind: spanKinds[kind],
    startTimeUnixNano: nanoseconds(startedAt),
    endTimeUnixNano: nanoseconds(Math.max(startedAt, endedAt)),
    attributes: attributesOf(attributes),
    ...(error === undefined ? {} : { status: { code: failed, message: error } }),
  };
}

/** Milliseconds as nanoseconds, exact to the microsecond. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

function attributesOf(attributes: SpanAttributes): readonly unknown[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }]
  );
}

/** `AnyValue` */
function anyValue(value: string | readonly string[]): unknown {
  if (typeof value === "string") return { stringValue: value };
  return { arrayValue: { values: value.map((stringValue) => ({ stringValue })) } };
}
