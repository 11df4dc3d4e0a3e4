/**
 * Other KMS plugins as processes, each over a folder of keys: the Python sample, and one in Go on Kubernetes' framework.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serverProgram } from "../e2e/servers.ts";
import { Process, waitFor } from "./processes.ts";

const sample = fileURLToPath(new URL("../../deploy/samples/kms-plugin-python/plugin.py", import.meta.url));

/** The command of each plugin, without its last arguments: socket and folder of keys. */
const commands = {
  python: async () => [await serverProgram("kms-plugin-python"), "-B", sample],
  go: async () => [await serverProgram("kms-service-plugin")],
} as const satisfies Record<string, () => Promise<readonly string[]>>;

/** The language of a plugin. */
export type PluginLanguage = keyof typeof commands;

/** A running plugin. Disposing of it ends it and removes its folder. */
export class KeyFolderPlugin implements AsyncDisposable {
  readonly socket: string;
  process: Process;
  readonly #folder: string;
  readonly #command: readonly string[];
  #keys = 0;

  private constructor(folder: string, command: readonly string[]) {
    this.#folder = folder;
    this.#command = command;
    this.socket = join(folder, "kms.sock");
    this.addKey();
    this.process = this.#spawn();
  }

  static async start(language: PluginLanguage): Promise<KeyFolderPlugin> {
    const plugin = new KeyFolderPlugin(await Deno.makeTempDir(), await commands[language]());
    await plugin.#ready();
    return plugin;
  }

  /** Starts it again after its end. */
  async restart(): Promise<void> {
    // A killed process leaves its socket file, which not every plugin removes.
    await Deno.remove(this.socket).catch(() => {});
    this.process = this.#spawn();
    await this.#ready();
  }

  addKey(): void {
    const name = `${++this.#keys}`.padStart(4, "0");
    Deno.writeFileSync(join(this.#folder, `${name}.key`), randomBytes(32), { mode: 0o600 });
  }

  removeKeys(): void {
    for (const { name } of Deno.readDirSync(this.#folder)) {
      if (name.endsWith(".key")) Deno.removeSync(join(this.#folder, name));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.signal("SIGCONT");
    await this.process.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #spawn(): Process {
    const [command = "", ...args] = this.#command;
    return new Process({ name: "the plugin", command, args: [...args, this.socket, this.#folder] });
  }

  async #ready(): Promise<void> {
    const answers = async () => {
      (await Deno.connect({ transport: "unix", path: this.socket })).close();
      return true;
    };
    await waitFor("the plugin's socket", answers, { timeoutMs: 60_000, everyMs: 20, alive: [this.process] });
  }
}
