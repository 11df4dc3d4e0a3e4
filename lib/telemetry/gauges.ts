/**
 * Gauges that show a status: a service gives their values each time the metrics are rendered.
 *
 * @module
 */
import { Gauge, type Registry } from "prom-client";

/** One value of a gauge. */
export interface GaugeSample {
  /** A value for each name of `labelNames`, from a bounded set. None if left out. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A gauge and its values now. */
export interface GaugeRow {
  readonly name: string;
  readonly help: string;
  /** None if left out. */
  readonly labelNames?: readonly string[];
  /** Values of equal labels are added. A gauge without values has no line in the output but its help and type. */
  readonly samples: readonly GaugeSample[];
}

/**
 * Registers gauges as they come.
 *
 * @returns a function that sets all of them. A gauge that is not among the rows has no value.
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
