/**
 * Concurrent work whose results are taken in order.
 *
 * @module
 */

/**
 * Works on all items, `width` at a time. Each result is accepted when those of all items before it have been. After a
 * failure no further item is begun, and those in progress end first.
 *
 * @throws the first failure of `work` or `accept`, in the order of the workers.
 */
export async function workInOrder<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Result>,
  accept: (item: Item, result: Result) => void,
): Promise<void> {
  const rest = items.entries();
  const results = new ResultQueue(items, accept);
  let failed = false;
  const worker = async () => {
    for (const [at, item] of rest) {
      if (failed) return;
      try {
        results.add(at, await work(item));
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: width }, worker));
  const failure = ends.find(({ status }) => status === "rejected");
  if (failure?.status === "rejected") throw failure.reason;
}

class ResultQueue<Item, Result> {
  readonly #items: readonly Item[];
  readonly #accept: (item: Item, result: Result) => void;
  /** Results that wait for one before them. */
  readonly #waiting = new Map<number, { readonly item: Item; readonly result: Result }>();
  #next = 0;

  constructor(items: readonly Item[], accept: (item: Item, result: Result) => void) {
    this.#items = items;
    this.#accept = accept;
  }

  add(at: number, result: Result): void {
    const item = this.#items[at];
    if (item === undefined) return;
    this.#waiting.set(at, { item, result });
    for (let one = this.#waiting.get(this.#next); one !== undefined; one = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      this.#accept(one.item, one.result);
    }
  }
}
