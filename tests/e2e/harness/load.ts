/**
 * Secrets written and read without a pause, while something is done to the plugin.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { pause } from "../../support/processes.ts";
import type { ApiServer } from "./api_server.ts";
import { seconds } from "./figures.ts";

/** What the load saw. */
export interface LoadReport {
  readonly calls: number;
  readonly lost: number;
  /** From the first call that failed to the first that succeeded after it, the longest of them, in milliseconds. */
  readonly longestLossMs: number;
  readonly slowestMs: number;
  /** Names of the Secrets that were written, and their values. */
  readonly written: ReadonlyMap<string, string>;
  /** Answers other than 2xx, each once. */
  readonly failures: readonly string[];
}

/** How hard a load is. */
export interface LoadOptions {
  readonly writers?: number;
  /** Milliseconds that each writer rests after a Secret. */
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

  /** Starts it. */
  constructor(server: ApiServer, prefix: string, { writers = 4, pauseMs = 20 }: LoadOptions = {}) {
    this.#server = server;
    this.#pauseMs = pauseMs;
    this.#work = Array.from({ length: writers }, (_, index) => this.#write(`${prefix}-${index}`));
  }

  /** How many Secrets are written by now. */
  get count(): number {
    return this.#written.size;
  }

  /** Ends it when the calls in flight are answered. */
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

/** Where the Secrets of the namespace `default` are. */
export const secrets = "/api/v1/namespaces/default/secrets";

/** A Secret with one value, under the name `value`. */
export function secret(name: string, value: string): unknown {
  return { metadata: { name }, stringData: { value } };
}

/** Writes one and tells the status. */
export async function writeSecret(server: ApiServer, name: string, value: string): Promise<number> {
  return (await server.request("POST", secrets, secret(name, value))).status;
}

/** The value of one, as the API gives it; `undefined` where it gives none. */
export async function readSecret(server: ApiServer, name: string): Promise<string | undefined> {
  const { status, body } = await server.request("GET", `${secrets}/${name}`);
  return status === 200 ? atob(JSON.parse(body).data.value) : undefined;
}

/** How many of the Secrets read as they were written. */
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
