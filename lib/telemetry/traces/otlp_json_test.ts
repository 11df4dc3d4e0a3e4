import { deepEqual } from "node:assert/strict";
import { utf8Text } from "../../base/bytes.ts";
import { otlpBody } from "./otlp_json.ts";
import type { Span } from "./span.ts";

const span: Span = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  parentSpanId: undefined,
  name: "cache",
  kind: "internal",
  startedAt: 1_700_000_000_000.5,
  endedAt: 1_700_000_000_001.25,
  attributes: { a: "b", absent: undefined, list: ["c", "d"] },
  error: undefined,
};

Deno.test("otlpBody() writes OTLP: hexadecimal IDs, numbers of kinds, nanoseconds as text", () => {
  const failed = { ...span, parentSpanId: "11f067aa0ba902b7", kind: "server", endedAt: 0, error: "Refused." } as const;
  const body = otlpBody([span, failed], { service: "trousseau", version: "1.2.3", instance: "i" });
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const attributes = [
    attribute("a", "b"),
    { key: "list", value: { arrayValue: { values: [{ stringValue: "c" }, { stringValue: "d" }] } } },
  ];
  const common = {
    traceId: span.traceId,
    spanId: span.spanId,
    name: "cache",
    startTimeUnixNano: "1700000000000500000",
  };
  deepEqual(JSON.parse(utf8Text(body) ?? ""), {
    resourceSpans: [{
      resource: {
        attributes: [
          attribute("service.name", "trousseau"),
          attribute("service.version", "1.2.3"),
          attribute("service.instance.id", "i"),
        ],
      },
      scopeSpans: [{
        scope: { name: "trousseau", version: "1.2.3" },
        spans: [
          { ...common, kind: 1, endTimeUnixNano: "1700000000001250000", attributes },
          {
            ...common,
            parentSpanId: "11f067aa0ba902b7",
            kind: 2,
            // Not before its start.
            endTimeUnixNano: "1700000000000500000",
            attributes,
            status: { code: 2, message: "Refused." },
          },
        ],
      }],
    }],
  });
});
