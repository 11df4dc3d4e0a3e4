/**
 * Generates values for many callers: RSA keys, which take seconds of a core, one after the other.
 *
 * @module
 */
import type { GeneratorSpec } from "../../../api/keyring/generators.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { generate, type Generated } from "./generate.ts";

/** Maximum number of RSA keys that are searched or wait for it. */
const maxSearches = 8;

/** Seconds after which a refused caller may try again: about one search. */
const retryAfterSeconds = 10;

/** {@linkcode generate} with a limit on its load. One for each server. */
export class ValueGenerators {
  readonly #generate: typeof generate;
  #searches = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @param by of a test. */
  constructor(by: typeof generate = generate) {
    this.#generate = by;
  }

  /**
   * As {@linkcode generate}.
   *
   * @param signal ends the wait. A search that has begun goes on, and its key is dropped.
   * @throws {KeyringError} as `generate`; `rate_limited` if 8 RSA keys are asked for already, and after `signal`.
   */
  async generate(spec: GeneratorSpec, name: string, signal: AbortSignal): Promise<Generated> {
    if (spec.kind !== "rsa") return await this.#generate(spec, name);
    if (this.#searches >= maxSearches) {
      throw tooMany();
    }
    return await unlessAborted(this.#search(spec, name, signal), signal);
  }

  async #search(spec: GeneratorSpec, name: string, signal: AbortSignal): Promise<Generated> {
    this.#searches++;
    const turn = this.#last.then(() => {
      if (signal.aborted) throw tooMany(signal.reason);
      return this.#generate(spec, name);
    });
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#searches--;
    }
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(tooMany(signal.reason));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function tooMany(cause?: unknown): KeyringError {
  const message = "Cannot generate an RSA key: too many are being searched; try again later.";
  return new KeyringError("rate_limited", message, { retryAfterSeconds, cause });
}
