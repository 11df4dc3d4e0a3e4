/**
 * A writer that counts up a field of one Secret.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { pause } from "../../support/processes.ts";
import type { ApiServer } from "./api_server.ts";

/** Updates one Secret over and over until it is disposed of. */
export class Updates implements AsyncDisposable {
  /** The path of the Secret. */
  readonly path: string;
  /** The last number that the API server has stored. */
  stored = 0;
  readonly #stop = new AbortController();
  readonly #work: Promise<unknown>;

  /** @param pauseMs milliseconds between two updates. */
  constructor(server: ApiServer, path: string, pauseMs = 20) {
    this.path = path;
    this.#work = this.#run(server, pauseMs).catch((thrown) => thrown);
  }

  /** Ends the updates. @throws what ended them before */
  async end(): Promise<void> {
    this.#stop.abort();
    const thrown = await this.#work;
    if (thrown !== undefined) throw thrown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  async #run(server: ApiServer, pauseMs: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const next = { stringData: { counter: `${this.stored + 1}` } };
      const { status, body } = await server.request("PATCH", this.path, next);
      // A conflict that the API server does not solve by itself: nothing is stored, and the writer knows.
      if (status !== 409) {
        equal(status, 200, body);
        this.stored++;
      }
      await pause(pauseMs);
    }
  }
}
