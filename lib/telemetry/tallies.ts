/**
 * Counters and histograms of calls, kept in plain numbers until the metrics are rendered. Those of prom-client sort, join
 * and check the labels of each call.
 *
 * @module
 */
import { Counter, type Registry } from "./prometheus.ts";

/** A metric's name, help and labels. */
export interface MetricDescription {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** Finds the record of label values. Most calls in a row have the same ones, which are compared with the last. */
class ByLabels<Kept> {
  readonly #names: readonly string[];
  readonly #make: (labels: Labels) => Kept;
  readonly #kept = new Map<string, { readonly values: readonly string[]; readonly kept: Kept }>();
  #last: { readonly values: readonly string[]; readonly kept: Kept } | undefined;

  constructor(names: readonly string[], make: (labels: Labels) => Kept) {
    this.#names = names;
    this.#make = make;
  }

  /** @param values in the order of the labels' names. */
  of(values: readonly string[]): Kept {
    const last = this.#last;
    if (last !== undefined && areSame(last.values, values)) return last.kept;
    const key = values.join(" ");
    let found = this.#kept.get(key);
    if (found === undefined) {
      const labels = Object.fromEntries(this.#names.map((name, at) => [name, values[at] ?? ""]));
      found = { values, kept: this.#make(labels) };
      this.#kept.set(key, found);
    }
    this.#last = found;
    return found.kept;
  }

  all(): Kept[] {
    return Array.from(this.#kept.values(), ({ kept }) => kept);
  }
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}

/**
 * Makes a counter.
 *
 * @returns a function that adds to the sum of label values, in the order of their names.
 */
export function talliedCounter(
  registry: Registry,
  about: MetricDescription,
): (values: readonly string[], added: number) => void {
  const sums = new ByLabels(about.labelNames, (labels) => ({ labels, added: 0 }));
  new Counter({
    ...about,
    registers: [registry],
    collect() {
      for (const sum of sums.all()) {
        this.inc(sum.labels, sum.added);
        sum.added = 0;
      }
    },
  });
  return (values, added) => {
    sums.of(values).added += added;
  };
}

/** A histogram. */
export interface TalliedHistogram {
  /** Counts an amount. @param values in the order of the labels' names. */
  observe(values: readonly string[], amount: number): void;
  /** Exports label values before their first amount. */
  zero(values: readonly string[]): void;
}

/** The amounts under one set of labels. `buckets`: how many are at most each bound, and above the bound before it. */
interface Amounts {
  readonly labels: Labels;
  readonly buckets: number[];
  sum: number;
  count: number;
}

/**
 * Makes a histogram.
 *
 * @param bounds the upper bounds of its buckets, ascending.
 */
export function talliedHistogram(
  registry: Registry,
  about: MetricDescription,
  bounds: readonly number[],
): TalliedHistogram {
  const { name, help } = about;
  const blank = (labels: Labels): Amounts => ({ labels, buckets: bounds.map(() => 0), sum: 0, count: 0 });
  const amounts = new ByLabels(about.labelNames, blank);
  const get = () => {
    const values = amounts.all().flatMap((one) => samplesOf(name, bounds, one));
    return Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values });
  };
  // The registry calls `get` alone, whatever the class of the metric is.
  registry.registerMetric({ name, get } as unknown as Parameters<Registry["registerMetric"]>[0]);
  return {
    observe(values, amount) {
      const one = amounts.of(values);
      one.sum += amount;
      one.count++;
      let at = 0;
      while (at < bounds.length && amount > (bounds[at] as number)) at++;
      // An amount above all bounds is in `count` alone.
      if (at < bounds.length) one.buckets[at] = (one.buckets[at] as number) + 1;
    },
    zero: (values) => void amounts.of(values),
  };
}

/** The samples in the order of prom-client's histogram: its buckets, each with those below it, the sum, the count. */
function samplesOf(name: string, bounds: readonly number[], { labels, buckets, sum, count }: Amounts) {
  let below = 0;
  const sample = (suffix: string, own: Readonly<Record<string, string | number>>, value: number) => ({
    metricName: `${name}_${suffix}`,
    labels: own,
    sharedLabels: labels,
    value,
  });
  return [
    ...bounds.map((le, at) => sample("bucket", { le }, below += buckets[at] ?? 0)),
    sample("bucket", { le: "+Inf" }, count),
    sample("sum", {}, sum),
    sample("count", {}, count),
  ];
}
