/**
 * Concurrent work whose results are taken in order.
 *
 * @module
 */

/**
 * Works on all items, `width` at a time, as they come. Each result is accepted when those of all items before it have been.
 * After a failure no further item is begun, and those in progress end first. After one of `accept` no further result is
 * accepted, so that what it has counted until then is final.
 *
 * @throws the first failure of `items`, `work` or `accept`, in the order of the workers.
 */
export async function workInOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  width: number,
  work: (item: Item) => Promise<Result>,
  accept: (item: Item, result: Result) => void,
): Promise<void> {
  const rest = numbered(items);
  const results = new ResultQueue(accept);
  let failed = false;
  const worker = async () => {
    try {
      for (let next = await rest.next(); !failed && next.done !== true; next = await rest.next()) {
        const [at, item] = next.value;
        results.add(at, item, await work(item));
      }
    } catch (thrown) {
      failed = true;
      throw thrown;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: width }, worker));
  await rest.return();
  const failure = ends.find(({ status }) => status === "rejected");
  if (failure?.status === "rejected") throw failure.reason;
}

async function* numbered<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
): AsyncGenerator<[number, Item], void, void> {
  let at = 0;
  for await (const item of items) yield [at++, item];
}

class ResultQueue<Item, Result> {
  readonly #accept: (item: Item, result: Result) => void;
  /** Results that wait for one before them. */
  readonly #waiting = new Map<number, { readonly item: Item; readonly result: Result }>();
  #next = 0;
  /** Whether a result was not accepted: those behind it are dropped. */
  #isBroken = false;

  constructor(accept: (item: Item, result: Result) => void) {
    this.#accept = accept;
  }

  add(at: number, item: Item, result: Result): void {
    if (this.#isBroken) return;
    this.#waiting.set(at, { item, result });
    for (let one = this.#waiting.get(this.#next); one !== undefined; one = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      this.#acceptOne(one.item, one.result);
    }
  }

  #acceptOne(item: Item, result: Result): void {
    try {
      this.#accept(item, result);
    } catch (thrown) {
      this.#isBroken = true;
      throw thrown;
    }
  }
}
