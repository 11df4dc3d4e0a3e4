/**
 * A machine with a keyring as processes, whose key file a test can destroy.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { publicKeyText } from "../../lib/provider/recovery/key_text.ts";
import { runClectl } from "./clectl_terminal.ts";
import { mainFile } from "./local_plugin.ts";
import { freePort, Process, run, waitFor } from "./processes.ts";

/** The packages of a keyring, which the plugin's configuration lacks. */
const packages = new URL("../../deno.keyring.json", import.meta.url).pathname;

const soon = { timeoutMs: 60_000 };

/** A keyring on one machine, with a local key and a recovery key. */
export class KeyringMachine {
  readonly folder: string;
  readonly port = freePort();
  readonly #safe: readonly unknown[];

  /** @param publicKey of the recovery key; none if left out. */
  constructor(folder: string, publicKey?: Uint8Array) {
    this.folder = folder;
    this.#safe = publicKey === undefined
      ? []
      : [{ name: "safe", kind: "recovery", recipients: [publicKeyText(publicKey)] }];
  }

  get storeFolder(): string {
    return `${this.folder}/store`;
  }

  /** Creates secrets. */
  async fill(secrets: ReadonlyMap<string, string>): Promise<void> {
    for (const [path, value] of secrets) {
      const { status, err } = await this.clectl(`create ${path} --field password --stdin`, value);
      equal(status, 0, err);
    }
  }

  /**
   * Configures a local key and the recovery key, if there is one.
   *
   * @param store the fields of the store, and others of the section; an embedded store in the folder if left out.
   */
  async configure(name: string, store: Readonly<Record<string, unknown>> = { store: this.storeFolder }): Promise<void> {
    const { folder } = this;
    const config = {
      state: `${folder}/state`,
      telemetry: { listen: "off", audit: "off" },
      keyring: {
        listen: "none",
        ...store,
        state: `${folder}/keyring`,
        adminSocket: `${folder}/admin.sock`,
        metrics: `127.0.0.1:${this.port}`,
      },
      providers: [{ name, kind: "local", keyFile: `${folder}/${name}.keys`, create: true }, ...this.#safe],
    };
    await Deno.writeTextFile(`${folder}/trousseau.yaml`, JSON.stringify(config));
  }

  serve(...more: string[]): Process {
    return new Process({ name: "keyring", command: Deno.execPath(), args: this.#words("serve", ...more) });
  }

  command(name: string, ...more: string[]) {
    return run(Deno.execPath(), this.#words(name, ...more));
  }

  /** Writes a backup into a file. */
  backup(file: string, ...more: string[]) {
    const script = 'to="$1"; shift; exec "$@" > "$to"';
    return run("sh", ["-c", script, "sh", file, Deno.execPath(), ...this.#words("backup", ...more)]);
  }

  async clectl(line: string, stdin?: string) {
    const variables = { CLECTL_ADDRESS: `unix://${this.folder}/admin.sock` };
    return await runClectl(line.split(" "), { variables, ...(stdin === undefined ? {} : { stdin }) });
  }

  async page(path: string): Promise<string> {
    return await fetch(`http://127.0.0.1:${this.port}${path}`).then((answer) => answer.text(), () => "");
  }

  async ready(server: Process): Promise<void> {
    const isReady = async () => /^ready$/m.test(await this.page("/readyz"));
    await waitFor("an open store", isReady, { ...soon, alive: [server] });
  }

  /** The values of some secrets. */
  async read(paths: readonly string[]): Promise<string[]> {
    const values: string[] = [];
    for (const path of paths) {
      const { status, out, err } = await this.clectl(`get ${path} --field password -o raw --show`);
      equal(status, 0, err);
      values.push(out);
    }
    return values;
  }

  #words(...words: string[]): string[] {
    const flags = [...permissionFlags(), `--allow-write=${this.folder}`];
    const config = ["--config", `${this.folder}/trousseau.yaml`];
    return ["run", "--quiet", "--config", packages, ...flags, mainFile, "keyring", ...words, ...config];
  }
}
