/**
 * A load of Secrets that are written and read continuously, during a change of the plugin.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { pause } from "../../support/processes.ts";
import type { ApiServer } from "./api_server.ts";
import { seconds } from "./figures.ts";

/** The result of a load. */
export interface LoadReport {
  readonly calls: number;
  readonly lost: number;
  /** The longest time from a failed call to the next successful one, in milliseconds. */
  readonly longestLossMs: number;
  readonly slowestMs: number;
  /** The names and values of the written Secrets. */
  readonly written: ReadonlyMap<string, string>;
  /** Answers other than 2xx, each once. */
  readonly failures: readonly string[];
}

/** Options of a load. */
export interface LoadOptions {
  readonly writers?: number;
  /** Milliseconds between two Secrets of each writer. */
  readonly pauseMs?: number;
}

/** Writes Secrets, and reads each one back, from several writers at once. */
export class Load {
  readonly #server: ApiServer;
  readonly #pauseMs: number;
  readonly #stop = new AbortController();
  readonly #work: Promise<void>[];
  readonly #written = new Map<string, string>();
  readonly #failures = new Set<string>();
  #calls = 0;
  #lost = 0;
  #lossBegan: number | undefined;
  #longestLossMs = 0;
  #slowestMs = 0;

  /** Starts the load. */
  constructor(server: ApiServer, prefix: string, { writers = 4, pauseMs = 20 }: LoadOptions = {}) {
    this.#server = server;
    this.#pauseMs = pauseMs;
    this.#work = Array.from({ length: writers }, (_, index) => this.#write(`${prefix}-${index}`));
  }

  /** Number of Secrets written so far. */
  get count(): number {
    return this.#written.size;
  }

  /** Ends the load after the calls in progress. */
  async stop(): Promise<LoadReport> {
    this.#stop.abort();
    await Promise.all(this.#work);
    return {
      calls: this.#calls,
      lost: this.#lost,
      longestLossMs: this.#longestLossMs,
      slowestMs: this.#slowestMs,
      written: this.#written,
      failures: [...this.#failures],
    };
  }

  async #write(prefix: string): Promise<void> {
    for (let index = 0; !this.#stop.signal.aborted; index++) {
      const [name, value] = [`${prefix}-${index}`, randomBytes(16).toString("hex")];
      if (await this.#call("POST", secrets, secret(name, value))) {
        this.#written.set(name, value);
        await this.#call("GET", `${secrets}/${name}`);
      }
      await pause(this.#pauseMs);
    }
  }

  async #call(method: string, path: string, body?: unknown): Promise<boolean> {
    const at = performance.now();
    const failure = await this.#server.request(method, path, body).then(
      ({ status, body }) => status < 300 ? undefined : `${status} ${message(body)}`,
      (error: unknown) => `${error}`,
    );
    this.#calls++;
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - at);
    if (failure === undefined) this.#recovered();
    else this.#failed(failure, at);
    return failure === undefined;
  }

  #failed(failure: string, at: number): void {
    this.#lost++;
    this.#lossBegan ??= at;
    this.#failures.add(failure.slice(0, 300));
  }

  #recovered(): void {
    if (this.#lossBegan === undefined) return;
    this.#longestLossMs = Math.max(this.#longestLossMs, performance.now() - this.#lossBegan);
    this.#lossBegan = undefined;
  }
}

/** A report on one line. */
export function describeLoad({ calls, lost, longestLossMs, slowestMs }: LoadReport): string {
  return `${lost} of ${calls} calls lost, ${seconds(longestLossMs)} without success, slowest call ${
    seconds(slowestMs)
  }`;
}

/** The path of the Secrets in the namespace `default`. */
export const secrets = "/api/v1/namespaces/default/secrets";

/** A Secret with one value, under the name `value`. */
export function secret(name: string, value: string): unknown {
  return { metadata: { name }, stringData: { value } };
}

/** Writes a Secret. @returns the HTTP status. */
export async function writeSecret(server: ApiServer, name: string, value: string): Promise<number> {
  return (await server.request("POST", secrets, secret(name, value))).status;
}

/** The value of a Secret from the API; `undefined` if the API does not return it. */
export async function readSecret(server: ApiServer, name: string): Promise<string | undefined> {
  const { status, body } = await server.request("GET", `${secrets}/${name}`);
  return status === 200 ? atob(JSON.parse(body).data.value) : undefined;
}

/** Number of Secrets that are read with their written value. */
export async function countReadable(server: ApiServer, written: ReadonlyMap<string, string>): Promise<number> {
  const { status, body } = await server.request("GET", secrets);
  if (status !== 200) return 0;
  const items: { metadata: { name: string }; data?: { value?: string } }[] = JSON.parse(body).items;
  return items.filter(({ metadata, data }) => written.get(metadata.name) === atob(data?.value ?? "")).length;
}

function message(body: string): string {
  try {
    return `${JSON.parse(body).message}`;
  } catch {
    return body;
  }
}
