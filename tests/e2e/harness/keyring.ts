/**
 * A keyring as it is installed: the staged server and the staged client, with a folder of their own.
 *
 * @module
 */
import { request } from "node:http";
import { join } from "node:path";
import { clectl, trousseau } from "../../../deploy/compile/artefacts.ts";
import { stage } from "../../../deploy/compile/stage.ts";
import { freePort, Process, type ProcessOptions, run, waitFor } from "../../support/processes.ts";

/** The paths of the two programs. */
export interface KeyringPrograms {
  readonly trousseau: string;
  readonly clectl: string;
}

/** The programs that the environment names, else new ones. */
export async function keyringPrograms(): Promise<KeyringPrograms> {
  const folder = join(import.meta.dirname ?? ".", "../../../dist/stage");
  const staged = async (variable: string, artefact: typeof trousseau | typeof clectl) => {
    const given = Deno.env.get(variable);
    return given === undefined ? (await stage(folder, { artefact })).launcher : await Deno.realPath(given);
  };
  return { trousseau: await staged("TROUSSEAU_BIN", trousseau), clectl: await staged("CLECTL_BIN", clectl) };
}

/** Settings of a site. */
export interface KeyringSiteOptions {
  /** Members of `keyring` in the configuration, over those of a site. */
  readonly keyring?: Readonly<Record<string, unknown>>;
  /** One local key if left out. */
  readonly providers?: readonly unknown[];
  /** Other members of the configuration. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** An answer of the API. */
export interface KeyringAnswer {
  readonly status: number;
  readonly text: string;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** The end of a program. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a configuration, a store and sockets. Disposing of it ends the server and removes the folder. */
export class KeyringSite implements AsyncDisposable {
  readonly folder: string;
  readonly port = freePort();
  /** All output of the servers that have ended. */
  log = "";
  readonly #programs: KeyringPrograms;
  #server: Process | undefined;

  private constructor(folder: string, programs: KeyringPrograms) {
    this.folder = folder;
    this.#programs = programs;
  }

  /** Makes a site below a folder to which the server can write. It starts nothing. */
  static async make(programs: KeyringPrograms, options: KeyringSiteOptions = {}): Promise<KeyringSite> {
    const base = Deno.uid() === 0 ? "/run" : Deno.env.get("XDG_RUNTIME_DIR");
    const folder = await Deno.makeTempDir({ prefix: "keyring-e2e-", ...(base === undefined ? {} : { dir: base }) });
    const site = new KeyringSite(folder, programs);
    for (const name of ["tmp", "home"]) await Deno.mkdir(join(folder, name));
    await site.configure(options);
    return site;
  }

  get socket(): string {
    return join(this.folder, "admin/admin.sock");
  }

  get config(): string {
    return join(this.folder, "keyring.yaml");
  }

  get store(): string {
    return join(this.folder, "store/keyring.db");
  }

  /** The running server. @throws {Error} if none was started. */
  get server(): Process {
    if (this.#server === undefined) throw new Error("The test has started no server.");
    return this.#server;
  }

  /** Writes the configuration. */
  async configure({ keyring = {}, providers, more = {} }: KeyringSiteOptions): Promise<void> {
    const local = { name: "local", kind: "local", keyFile: join(this.folder, "local.keys"), create: true };
    const embedded = "etcd" in keyring ? {} : { store: join(this.folder, "store") };
    const own = {
      ...embedded,
      state: join(this.folder, "state"),
      adminSocket: this.socket,
      audit: join(this.folder, "audit.jsonl"),
      listen: "none",
    };
    const config = { keyring: { ...own, ...keyring }, providers: providers ?? [local], ...more };
    await Deno.writeTextFile(this.config, JSON.stringify(config), { mode: 0o600 });
  }

  /** Starts the server, and waits until the store is open. */
  async start(): Promise<Process> {
    const server = await this.begin();
    await this.ready();
    return server;
  }

  /** Starts the server, and waits until it answers on its socket. */
  async begin(): Promise<Process> {
    return await this.beginWith((options) => new Process(options));
  }

  /** As {@linkcode begin}, with a process that is started in another way. */
  async beginWith(start: (options: ProcessOptions) => Process): Promise<Process> {
    const server = start(this.#options());
    this.#server = server;
    const lives = async () => (await this.call("GET", "/livez")).status === 200;
    await waitFor("the keyring", lives, { timeoutMs: 120_000, everyMs: 50, alive: [server] });
    return server;
  }

  /** Waits until requests are answered. */
  async ready(): Promise<void> {
    const ready = async () => (await this.call("GET", "/readyz")).status === 200;
    await waitFor("the open store", ready, { timeoutMs: 120_000, everyMs: 50, alive: [this.server] });
  }

  /** Starts a server and waits for nothing. The site does not end it. */
  spawn(): Process {
    return new Process(this.#options());
  }

  /** Ends the server by a crash. */
  async crash(): Promise<void> {
    await this.server.kill();
    this.log += this.server.output;
  }

  /** Ends the server as an operator does. @returns its exit status. */
  async stop(): Promise<number> {
    const { code } = await this.server.stop(60_000);
    this.log += this.server.output;
    return code;
  }

  /** The environment of each program. */
  get environment(): Record<string, string> {
    return {
      DENO: Deno.execPath(),
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      TMPDIR: join(this.folder, "tmp"),
      HOME: join(this.folder, "home"),
    };
  }

  /** The environment of `clectl` at the admin socket. */
  get clientEnvironment(): Record<string, string> {
    return { ...this.environment, CLECTL_ADDRESS: `unix://${this.socket}` };
  }

  /** Runs `clectl` as the administrator. */
  async clectl(args: readonly string[], stdin?: string): Promise<Ended> {
    return await this.#run(this.#programs.clectl, args, this.clientEnvironment, stdin);
  }

  /** Runs `clectl` as a person, who has logged in before or does now. */
  async person(args: readonly string[], stdin?: string): Promise<Ended> {
    return await this.#run(this.#programs.clectl, args, this.environment, stdin);
  }

  /** Runs a command of the operator: `trousseau keyring …`. */
  async operator(...args: readonly string[]): Promise<Ended> {
    const all = ["keyring", ...args, "--config", this.config];
    return await this.#run(this.#programs.trousseau, all, this.environment);
  }

  /** A request to the admin socket. @throws {Error} if there is no answer. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<KeyringAnswer> {
    const content = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const type = content === undefined ? {} : { "content-type": "application/json" };
    const answered = Promise.withResolvers<KeyringAnswer>();
    const sent = request({ socketPath: this.socket, path, method, agent: false, headers: { ...type, ...headers } });
    sent.setTimeout(60_000, () => sent.destroy(new Error("There was no answer within a minute.")));
    sent.on("error", answered.reject);
    sent.on("response", (response) => {
      const chunks: Uint8Array[] = [];
      response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      response.on("error", answered.reject);
      response.on("aborted", () => answered.reject(new Error("The answer was cut off.")));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        answered.resolve({ status: response.statusCode ?? 0, text, body: parsed(text) });
      });
    });
    sent.end(content);
    return await answered.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }

  #options(): ProcessOptions {
    const args = ["keyring", "serve", "--config", this.config];
    return { name: "trousseau keyring", command: this.#programs.trousseau, args, env: this.environment };
  }

  async #run(command: string, args: readonly string[], env: Record<string, string>, stdin?: string): Promise<Ended> {
    const PATH = Deno.env.get("PATH") ?? "";
    const input = stdin === undefined ? {} : { stdin };
    return await run(command, args, { ...input, env: { PATH, ...env }, clearEnv: true, cwd: this.folder });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
