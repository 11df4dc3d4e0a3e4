/**
 * The plugin as it is installed: the staged bundle with the flags of the binary, or a binary.
 *
 * @module
 */
import { join } from "node:path";
import { dialKms, type KmsClient } from "../../../lib/api/kms/client.ts";
import type { StatusResponse } from "../../../lib/api/kms/messages.ts";
import { stage } from "../../../deploy/compile/stage.ts";
import type { KmsApi } from "./encryption.ts";
import { freePort, pause, Process, type ProcessOptions, run, waitFor } from "../../support/processes.ts";

/** A node: the folder of its socket, state and configuration. Disposing of it removes the folder. */
export class Node implements AsyncDisposable {
  readonly folder: string;
  readonly #program: string;
  readonly #empty: string;

  private constructor(folder: string, program: string, empty: string) {
    this.folder = folder;
    this.#program = program;
    this.#empty = empty;
  }

  /** Makes a node below one of the folders to which the plugin can write. */
  static async make(): Promise<Node> {
    const base = Deno.uid() === 0 ? "/run" : Deno.env.get("XDG_RUNTIME_DIR");
    const folder = await Deno.makeTempDir({ prefix: "trousseau-e2e-", ...(base === undefined ? {} : { dir: base }) });
    const empty = await Deno.makeTempDir({ prefix: "trousseau-e2e-empty-" });
    return new Node(folder, await trousseauProgram(), empty);
  }

  get socket(): string {
    return join(this.folder, "kms.sock");
  }

  /** Writes a file for the configuration. @returns its path. */
  async write(name: string, content: string): Promise<string> {
    const path = join(this.folder, name);
    await Deno.writeTextFile(path, content, { mode: 0o600 });
    return path;
  }

  /** Starts the plugin and waits for its socket. */
  async start(config: PluginConfig, ...args: string[]): Promise<Plugin> {
    const port = freePort();
    const file = await this.write(`config-${port}.yaml`, JSON.stringify(this.config(config, port)));
    const before = await inode(this.socket);
    const process = new Process({ ...this.#exec(["serve", "--config", file, ...args]), name: "trousseau" });
    const plugin = new Plugin(this.socket, process, port, file);
    try {
      const placed = async () => await inode(this.socket) !== before && await listens(this.socket);
      await waitFor("the plugin's socket", placed, { timeoutMs: 60_000, everyMs: 20, alive: [process] });
      return plugin;
    } catch (error) {
      await plugin[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts another command of the program, which runs until it is stopped. */
  process(...args: string[]): Process {
    return new Process({ ...this.#exec(args), name: `trousseau ${args[0]}` });
  }

  /** The EncryptionConfiguration that the program prints for the API server. */
  async encryptionConfiguration(api: KmsApi): Promise<string> {
    const args = ["encryption-config", "--socket", this.socket, "--kms-version", api];
    const { code, stdout, stderr } = await this.command(...args);
    if (code !== 0) throw new Error(`trousseau ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** The program and its environment, for a script that calls it. */
  get program(): { readonly command: string; readonly env: Readonly<Record<string, string>> } {
    const { command, env = {} } = this.#exec([]);
    return { command, env };
  }

  /** Runs another command of the program to its end. */
  async command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const { command, args: all, cwd, env } = this.#exec(args);
    return await run(command, all, { ...(cwd === undefined ? {} : { cwd }), ...(env === undefined ? {} : { env }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
    await Deno.remove(this.#empty, { recursive: true });
  }

  /** The complete configuration: the given part, and the paths of this node. */
  config({ traces, ...given }: PluginConfig, port = freePort()): unknown {
    return {
      socket: { path: this.socket },
      state: join(this.folder, "state"),
      telemetry: { listen: `127.0.0.1:${port}`, log: { level: "info", format: "text" }, audit: "off", traces },
      ...given,
    };
  }

  // It runs in an empty folder with an empty cache of Deno, so that its modules must contain everything.
  #exec(args: readonly string[]): Omit<ProcessOptions, "name"> {
    const env = { DENO: Deno.execPath(), DENO_DIR: join(this.#empty, ".deno"), NO_COLOR: "1" };
    return { command: this.#program, args, cwd: this.#empty, env };
  }
}

/** A configuration without the paths of the node. */
export interface PluginConfig {
  readonly providers: readonly unknown[];
  readonly wrap?: number | "all" | "any";
  readonly outage?: unknown;
  readonly retired?: unknown;
  readonly forgotten?: readonly string[];
  readonly probe?: unknown;
  readonly cache?: unknown;
  readonly kms?: unknown;
  readonly readForeign?: unknown;
  readonly drain?: string;
  /** `telemetry.traces` */
  readonly traces?: unknown;
}

/** A running plugin. */
export class Plugin implements AsyncDisposable {
  readonly process: Process;
  readonly client: KmsClient;
  /** Its configuration, for other commands. */
  readonly config: string;
  readonly #port: number;
  #metricsAt = -Infinity;

  constructor(socket: string, process: Process, port: number, config: string) {
    this.process = process;
    this.config = config;
    this.client = dialKms(socket);
    this.#port = port;
  }

  /** The host and port of its HTTP endpoint. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** One Status by v2. */
  async status(): Promise<StatusResponse> {
    return await this.client.v2.Status({}, { signal: new AbortController().signal });
  }

  /** A page of its HTTP endpoint; `undefined` if the endpoint does not answer. */
  async http(path: string): Promise<{ status: number; body: string } | undefined> {
    if (path === "/metrics") {
      // Metrics are rendered at most once a second, so that two readings to compare must be further apart.
      await pause(this.#metricsAt + 1100 - performance.now());
      this.#metricsAt = performance.now();
    }
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}${path}`);
      return { status: response.status, body: await response.text() };
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.process.stop();
  }
}

async function inode(path: string): Promise<number | undefined> {
  return await Deno.stat(path).then(({ ino }) => ino ?? undefined, () => undefined);
}

async function listens(path: string): Promise<boolean> {
  return await Deno.connect({ transport: "unix", path }).then((connection) => (connection.close(), true), () => false);
}

/** `TROUSSEAU_BIN`, or the bundle staged now. */
export async function trousseauProgram(): Promise<string> {
  const given = Deno.env.get("TROUSSEAU_BIN");
  if (given !== undefined) return await Deno.realPath(given);
  const folder = join(import.meta.dirname ?? ".", "../../../dist/stage");
  return (await stage(folder)).launcher;
}
