/**
 * Jobs that are sent together: while one batch is done, the next one gathers. One sync of the disk then serves all
 * transactions that wait for it.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Limits of a batch. The bytes are exceeded by at most one job. */
const most = { jobs: 256, bytes: 8 << 20 } as const;

interface BatchJob<Job, Answer> {
  readonly job: Job;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (thrown: unknown) => void;
}

/** A job that has not been sent yet can be withdrawn. */
export interface Submitted<Answer> {
  readonly answer: Promise<Answer>;
  /** @returns whether the job was withdrawn; its answer then stays open. */
  withdraw(): boolean;
}

/** Sends jobs in batches, one batch at a time, in the order in which they came. */
export class Batches<Job, Answer> {
  readonly #send: (jobs: readonly Job[]) => Promise<readonly Answer[]>;
  readonly #mayRepeat: (thrown: unknown) => boolean;
  #waiting: BatchJob<Job, Answer>[] = [];
  #isBusy = false;

  /** @param mayRepeat whether the jobs of a batch that failed so are sent one by one. */
  constructor(
    send: (jobs: readonly Job[]) => Promise<readonly Answer[]>,
    mayRepeat: (thrown: unknown) => boolean = () => true,
  ) {
    this.#send = send;
    this.#mayRepeat = mayRepeat;
  }

  /** @param bytes the size of the job. */
  submit(job: Job, bytes: number): Submitted<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const entry = { job, bytes, resolve, reject };
    this.#waiting.push(entry);
    // What else comes in this turn of the event loop joins the batch.
    if (!this.#isBusy) this.#next();
    return {
      answer: promise,
      withdraw: () => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
        return at >= 0;
      },
    };
  }

  #next(): void {
    this.#isBusy = true;
    setImmediate(() => {
      const batch = this.#take();
      this.#sendBatch(batch).finally(() => {
        this.#isBusy = false;
        if (this.#waiting.length > 0) this.#next();
      });
    });
  }

  #take(): BatchJob<Job, Answer>[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((one, index) => (bytes += one.bytes) > most.bytes || index + 1 >= most.jobs);
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end + 1);
  }

  async #sendBatch(batch: readonly BatchJob<Job, Answer>[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      const answers = await this.#send(batch.map(({ job }) => job));
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    } catch (thrown) {
      // A failure of all together can be one job's own: too large for the rest of the disk.
      if (batch.length === 1 || !this.#mayRepeat(thrown)) return batch.forEach(({ reject }) => reject(thrown));
      for (const one of batch) await this.#sendBatch([one]);
    }
  }
}
