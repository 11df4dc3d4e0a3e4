/**
 * Counts the spans of traces.
 *
 * @module
 */
import { Counter, type Registry } from "./prometheus.ts";
import type { Event } from "./events.ts";
import { type Countable, spanResults } from "./label_values.ts";

/** The counter of `spans` events. A service that exports no traces has no metric of them. */
export function spanCounters(
  registry: Registry,
  { traces = false }: Countable,
): { readonly spans: (event: Extract<Event, { type: "spans" }>) => void } {
  if (!traces) return { spans: () => undefined };
  const spans = new Counter({
    name: "trousseau_spans_total",
    help: "Spans by what became of them: exported, or dropped since the queue was full, or refused or not reached.",
    labelNames: ["result"],
    registers: [registry],
  });
  for (const result of spanResults) spans.inc({ result }, 0);
  // Enforces the type at run time, as for every label.
  return {
    spans: ({ result, count }) => spans.inc({ result: spanResults.includes(result) ? result : "unsent" }, count),
  };
}
