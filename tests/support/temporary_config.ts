/**
 * A configuration in its own folder, for tests.
 *
 * @module
 */
import { stringify } from "yaml";
import type { RingState } from "../../lib/services/kms/key_ring/state.ts";
import { createKeyFile } from "../../lib/provider/local/write_key_file.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { fakeTerminal } from "./fake_terminal.ts";
import { run } from "../../lib/cli/run.ts";

/** The output of a command. */
export interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** A folder with `trousseau.yaml`, a state folder and files of a test. Disposing of it removes the folder. */
export class TemporaryConfig implements AsyncDisposable {
  readonly folder: string;
  readonly file: string;
  readonly #config: Record<string, unknown>;

  private constructor(folder: string, config: Record<string, unknown>) {
    this.folder = folder;
    this.file = `${folder}/trousseau.yaml`;
    this.#config = config;
  }

  /** Makes a configuration with one existing local key, unless `config` has other providers. */
  static async make(config: Record<string, unknown> = {}): Promise<TemporaryConfig> {
    const folder = await Deno.makeTempDir();
    const made = new TemporaryConfig(folder, {
      socket: { path: `${folder}/kms.sock` },
      state: `${folder}/state`,
      telemetry: { listen: "off", audit: "off" },
      providers: [{ name: "local", kind: "local", keyFile: `${folder}/local.keys` }],
      ...config,
    });
    await createKeyFile(`${folder}/local.keys`);
    await made.write({});
    return made;
  }

  /** Writes the configuration again with other values at the top level. */
  async write(changes: Record<string, unknown>): Promise<void> {
    await Deno.writeTextFile(this.file, stringify({ ...this.#config, ...changes }));
  }

  /** Writes the state of the node. */
  async remember(state: Omit<RingState, "format">): Promise<void> {
    await Deno.mkdir(`${this.folder}/state`, { recursive: true });
    await Deno.writeTextFile(`${this.folder}/state/key-ring.json`, JSON.stringify({ format: 1, ...state }));
  }

  /** Runs a command with this configuration. */
  async run(...words: string[]): Promise<Said> {
    const terminal = fakeTerminal({ variables: { TROUSSEAU_CONFIG: this.file } });
    const status = await run(words, trousseau, terminal);
    return { status, out: terminal.out(), err: terminal.err() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
