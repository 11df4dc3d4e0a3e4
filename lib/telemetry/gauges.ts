/**
 * Gauges whose values a service computes each time the metrics are rendered.
 *
 * @module
 */
import { Gauge, type Registry } from "./prometheus.ts";

/** One value of a gauge. */
export interface GaugeSample {
  /** A value for each name of `labelNames`, from a bounded set; none if left out. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A gauge and its values now. */
export interface GaugeRow {
  readonly name: string;
  readonly help: string;
  /** No labels if left out. */
  readonly labelNames?: readonly string[];
  /** Values with equal labels are added. A gauge without values has only its help and type in the output. */
  readonly samples: readonly GaugeSample[];
}

/**
 * Makes a function that sets all gauges. It registers a gauge at its first row.
 *
 * @returns the function. A registered gauge that is not among its rows has no value.
 */
export function gaugeSetter(registry: Registry): (rows: readonly GaugeRow[]) => void {
  const gauges = new Map<string, Gauge>();
  const registered = ({ name, help, labelNames = [] }: GaugeRow) => {
    const gauge = gauges.get(name) ?? new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
    gauges.set(name, gauge);
    return gauge;
  };
  return (rows) => {
    const named = rows.map((row) => [registered(row), row.samples] as const);
    for (const gauge of gauges.values()) {
      gauge.reset();
      // After a reset a gauge without labels is 0 until its value is removed.
      gauge.remove({});
    }
    for (const [gauge, samples] of named) {
      for (const { labels = {}, value } of samples) gauge.inc(labels, value);
    }
  };
}
