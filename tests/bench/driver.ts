/**
 * The load: a Go program that calls a socket with kube-apiserver's own client library.
 *
 * @module
 */
import { join } from "node:path";
import { run } from "../support/processes.ts";

/** The result of a measurement. Latencies are in milliseconds. */
export interface Figures {
  readonly calls: number;
  readonly seconds: number;
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  readonly failed: number;
  readonly failure?: string;
  /** Calls of the warm-up, which the other figures do not contain. */
  readonly warmupCalls: number;
  /** Milliseconds of processor time, user and system, of a command that the driver ran; 0 if it ran none. */
  readonly processor: number;
}

/** The commands of `driver/main.go`. */
export type DriverCommand = "load" | "seal" | "open" | "write" | "read" | "first";

/** The commands of `driver/kv.go`. */
export type KvCommand = "kv-seed" | "kv-read" | "kv-write" | "kv-list" | "kv-first";

/** A server with the API of KV version 2, as the driver needs it. */
export interface KvTarget {
  readonly url: string;
  /** File with the authority of the server's certificate, PEM. */
  readonly authority: string;
  /** File with one token a line. */
  readonly tokens: string;
  /** Number of secrets. */
  readonly count: number;
}

/** Options of the driver. `first` also accepts the words of a command. */
export interface DriverOptions {
  readonly op?: "status" | "encrypt" | "decrypt" | "mixed";
  readonly "in-flight"?: number;
  readonly calls?: number;
  readonly seconds?: number;
  readonly warmup?: number;
  readonly file?: string;
}

const module = join(import.meta.dirname ?? ".", "driver");

/** Builds the KMS v2 plugin on grpc-go that does nothing. @returns the path of its program. */
export async function buildFloor(folder: string): Promise<string> {
  const program = join(folder, "floor");
  await goBuild(module, "./floor", program);
  return program;
}

/** The built driver. */
export class Driver {
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  /** Builds the driver. With Go's cache this takes a second. */
  static async build(folder: string): Promise<Driver> {
    const program = join(folder, "driver");
    await goBuild(module, ".", program);
    return new Driver(program);
  }

  /**
   * Runs one command to its end.
   *
   * @throws {Error} if it could not be run or if a call failed: figures with failures are not valid.
   */
  async call(
    command: DriverCommand,
    socket: string,
    options: DriverOptions,
    words: readonly string[] = [],
  ): Promise<Figures> {
    return await this.#run(command, { socket, ...options }, words);
  }

  /** As {@linkcode Driver.call}, over HTTPS. */
  async kv(
    command: KvCommand,
    target: KvTarget,
    options: DriverOptions,
    words: readonly string[] = [],
  ): Promise<Figures> {
    return await this.#run(command, { ...target, ...options }, words);
  }

  /**
   * Runs a command to its end.
   *
   * @returns its milliseconds in `p50`, and those of its processor time.
   * @throws {Error} if it fails.
   */
  async exec(words: readonly string[]): Promise<Figures> {
    return await this.#run("exec", {}, words);
  }

  async #run(command: string, options: object, words: readonly string[]): Promise<Figures> {
    const flags = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
    const { code, stdout, stderr } = await run(this.#program, [command, ...flags, "--", ...words], {
      env: { DENO: Deno.execPath() },
    });
    if (code !== 0) throw new Error(`Cannot measure ${command}: ${stderr.trim()}`);
    const figures: Figures = JSON.parse(stdout);
    if (figures.failed > 0) {
      throw new Error(`${figures.failed} of ${figures.calls} calls of ${command} failed: ${figures.failure}`);
    }
    return figures;
  }
}

/** Builds a Go program. @throws {Error} with the output of the compiler. */
export async function goBuild(module: string, target: string, output: string): Promise<void> {
  const { code, stderr } = await run("nice", ["go", "build", "-trimpath", "-o", output, target], { cwd: module });
  if (code !== 0) throw new Error(`Cannot build ${output}: ${stderr.trim()}`);
}
