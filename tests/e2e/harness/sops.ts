/**
 * The real sops, in an environment where only a key service can open a file: the addresses of Vault's client and of proxies
 * lead to a trap that counts connections.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { keyUri } from "../../../lib/services/sops/key_uri.ts";
import { freePort, type Process, run, waitFor } from "../../support/processes.ts";
import { serverProgram } from "../servers.ts";
import type { Node, PluginConfig } from "./plugin.ts";

/** The exit status and output of `sops`. */
export interface SopsResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with files for sops. Disposing of it removes the folder and closes the trap. */
export class Repository implements AsyncDisposable {
  readonly folder: string;
  readonly #program: string;
  readonly #home: string;
  readonly #trap = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #socket: string;
  /** Number of connections to the trap. */
  trapped = 0;

  private constructor(folder: string, home: string, program: string, socket: string) {
    this.folder = folder;
    this.#home = home;
    this.#program = program;
    this.#socket = socket;
    void this.#count();
  }

  /** Makes a folder whose sops uses the key service of a node. */
  static async make(node: Node): Promise<Repository> {
    const base = await Deno.makeTempDir({ prefix: "trousseau-e2e-sops-" });
    const folder = join(base, "repository");
    await Deno.mkdir(folder);
    return new Repository(folder, base, await serverProgram("sops"), socketOf(node));
  }

  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.folder, name);
    await (typeof content === "string" ? Deno.writeTextFile(path, content) : Deno.writeFile(path, content));
    return path;
  }

  async read(name: string): Promise<string> {
    return await Deno.readTextFile(join(this.folder, name));
  }

  /** Runs sops with the key service alone. */
  async sops(...args: string[]): Promise<SopsResult> {
    return await this.sopsWith({}, ...args);
  }

  /** The same with other variables, for instance another editor. */
  async sopsWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<SopsResult> {
    return await run(this.#program, args, { cwd: this.folder, env: { ...this.env, ...env }, clearEnv: true });
  }

  /** The environment for a program that runs sops by its name. */
  get env(): Record<string, string> {
    const { port } = this.#trap.addr;
    const trap = `http://127.0.0.1:${port}`;
    return {
      PATH: `${this.#program.slice(0, this.#program.lastIndexOf("/"))}:${Deno.env.get("PATH") ?? ""}`,
      HOME: this.#home,
      SOPS_ENABLE_LOCAL_KEYSERVICE: "false",
      SOPS_KEYSERVICE: `unix://${this.#socket}`,
      VAULT_ADDR: trap,
      VAULT_AGENT_ADDR: trap,
      VAULT_TOKEN: "hvs.trap",
      HTTP_PROXY: trap,
      HTTPS_PROXY: trap,
      ALL_PROXY: trap,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#trap.close();
    await Deno.remove(this.#home, { recursive: true });
  }

  async #count(): Promise<void> {
    for await (const connection of this.#trap) {
      this.trapped++;
      connection.close();
    }
  }
}

function socketOf(node: Node): string {
  return join(node.folder, "sops.sock");
}

/** Starts the key service of a node and waits for its socket. */
export async function startKeyService(
  node: Node,
  { sops = {}, ...config }: PluginConfig & { readonly sops?: Readonly<Record<string, unknown>> },
  ...args: string[]
): Promise<Process> {
  const given = node.config(config) as Record<string, unknown>;
  const socket = { path: socketOf(node) };
  const file = await node.write(`sops-${freePort()}.yaml`, JSON.stringify({ ...given, sops: { socket, ...sops } }));
  const process = node.process("sops", "--config", file, ...args);
  try {
    const listens = () => Deno.connect({ transport: "unix", path: socket.path }).then((one) => (one.close(), true));
    await waitFor("the key service's socket", listens, { timeoutMs: 60_000, everyMs: 20, alive: [process] });
    return process;
  } catch (error) {
    await process.stop();
    throw error;
  }
}

/** Writes and encrypts files whose password is `hunter-` and their name, by a key service that ends afterwards. */
export async function encryptFiles(
  repository: Repository,
  node: Node,
  provider: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Promise<void> {
  const service = await startKeyService(node, { providers: [provider] });
  for (const name of names) {
    await repository.write(name, `password: hunter-${name}\n`);
    const { code, stderr } = await repository.sops("encrypt", "--hc-vault-transit", keyUri("default"), "-i", name);
    assert.equal(code, 0, stderr);
  }
  await service.stop();
}
