/**
 * Reads counters and histograms of a plugin or an API server, and sums them over restarts.
 *
 * @module
 */

/** One line of a page. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of a page in Prometheus' text format. */
export function parsePage(page: string): Sample[] {
  return page.split("\n").flatMap((line) => {
    const [, name, inner = "", value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const labels = Object.fromEntries([...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]));
    return [{ name, labels, value: Number(value) }];
  });
}

/** The sum of all samples of a name that have the given labels and possibly others. */
export function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return parsePage(page).filter((sample) => sample.name === name && fits(sample, labels))
    .reduce((sum, { value }) => sum + value, 0);
}

function fits({ labels }: Sample, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** The latencies of one kind of call. */
interface Series {
  /** Number of calls up to each upper bound in seconds. */
  readonly within: Map<number, number>;
}

/** The latencies of each kind of call, from one histogram. */
export class Latencies {
  readonly #histogram: string;
  readonly #by: readonly string[];
  readonly #series = new Map<string, Series>();

  /** @param by the labels that distinguish kinds of calls. Other labels are summed. */
  constructor(histogram: string, by: readonly string[]) {
    this.#histogram = histogram;
    this.#by = by;
  }

  /** Adds the last page of a process. */
  add(page: string): void {
    for (const { name, labels, value } of parsePage(page)) {
      if (name !== `${this.#histogram}_bucket`) continue;
      const kind = this.#by.map((label) => labels[label] ?? "").join(" ");
      const { within } = this.#series.get(kind) ?? { within: new Map() };
      const bound = labels["le"] === "+Inf" ? Infinity : Number(labels["le"]);
      within.set(bound, (within.get(bound) ?? 0) + value);
      this.#series.set(kind, { within });
    }
  }

  /** Number of calls. */
  get count(): number {
    return [...this.#series.values()].reduce((sum, { within }) => sum + (within.get(Infinity) ?? 0), 0);
  }

  /** The kinds with at least one call. */
  get kinds(): string[] {
    return [...this.#series.keys()].filter((kind) => (this.#series.get(kind)?.within.get(Infinity) ?? 0) > 0);
  }

  /** Number of calls that took longer than a bound of the histogram, in seconds. */
  slowerThan(bound: number): number {
    return [...this.#series.values()].reduce((sum, { within }) => {
      const quick = within.get(bound);
      if (quick === undefined) throw new Error(`${this.#histogram} has no bound of ${bound} s.`);
      return sum + (within.get(Infinity) ?? 0) - quick;
    }, 0);
  }

  /** One line for each kind: the number of calls, and the bounds of half, 99 % and all of them. */
  describe(): string[] {
    return this.kinds.map((kind) => {
      const { within } = this.#series.get(kind) ?? { within: new Map<number, number>() };
      const all = within.get(Infinity) ?? 0;
      const [p50, p99, most] = [0.5, 0.99, 1].map((share) => boundOf(within, share * all));
      return `${kind}: ${all} calls, half within ${p50}, 99 % within ${p99}, all within ${most}`;
    });
  }
}

function boundOf(within: ReadonlyMap<number, number>, wanted: number): string {
  const bounds = [...within.keys()].sort((a, b) => a - b);
  const bound = bounds.find((one) => (within.get(one) ?? 0) >= wanted) ?? Infinity;
  return bound >= 1 ? `${bound} s` : `${Number((bound * 1000).toPrecision(3))} ms`;
}
