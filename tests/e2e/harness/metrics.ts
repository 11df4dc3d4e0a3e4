/**
 * What Prometheus would read: counters and histograms of a plugin or an API server, added up over restarts.
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

/** The sum of all samples of a name whose labels are those given, and maybe others. */
export function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return parsePage(page).filter((sample) => sample.name === name && fits(sample, labels))
    .reduce((sum, { value }) => sum + value, 0);
}

function fits({ labels }: Sample, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** The latencies of one kind of call. */
interface Series {
  /** By upper bound in seconds: how many calls took no longer. */
  readonly within: Map<number, number>;
}

/** The latencies that one histogram has of each kind of call. */
export class Latencies {
  readonly #histogram: string;
  readonly #by: readonly string[];
  readonly #series = new Map<string, Series>();

  /** @param by the labels that tell kinds of calls apart; others are added up. */
  constructor(histogram: string, by: readonly string[]) {
    this.#histogram = histogram;
    this.#by = by;
  }

  /** Adds the page of a process that is about to end, or that is looked at for the last time. */
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

  /** How many calls there were. */
  get count(): number {
    return [...this.#series.values()].reduce((sum, { within }) => sum + (within.get(Infinity) ?? 0), 0);
  }

  /** Kinds of calls that were seen. */
  get kinds(): string[] {
    return [...this.#series.keys()].filter((kind) => (this.#series.get(kind)?.within.get(Infinity) ?? 0) > 0);
  }

  /** How many calls took longer than a bound of the histogram, in seconds. */
  slowerThan(bound: number): number {
    return [...this.#series.values()].reduce((sum, { within }) => {
      const quick = within.get(bound);
      if (quick === undefined) throw new Error(`${this.#histogram} has no bound of ${bound} s.`);
      return sum + (within.get(Infinity) ?? 0) - quick;
    }, 0);
  }

  /** One line a kind: how many, and the bounds under which half, 99 of 100 and all of them were. */
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
