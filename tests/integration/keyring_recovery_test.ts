/**
 * Recovery of a keyring: the only key file is destroyed, the private key from the safe opens the store keys, and
 * `keyring rewrap` makes it needless.
 *
 * @module
 */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText, publicKeyText } from "../../lib/provider/recovery/key_text.ts";
import { runClectl } from "../support/clectl_terminal.ts";
import { mainFile } from "../support/local_plugin.ts";
import { freePort, Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const soon = { timeoutMs: 60_000 };

/** A keyring on one machine. */
class Stage {
  readonly folder: string;
  readonly port = freePort();
  readonly #safe: unknown;

  constructor(folder: string, publicKey: Uint8Array) {
    this.folder = folder;
    this.#safe = { name: "safe", kind: "recovery", recipients: [publicKeyText(publicKey)] };
  }

  /** Configures a local key and the recovery key. */
  async configure(name: string): Promise<void> {
    const { folder } = this;
    const config = {
      state: `${folder}/state`,
      telemetry: { listen: "off", audit: "off" },
      keyring: {
        store: `${folder}/store`,
        state: `${folder}/keyring`,
        adminSocket: `${folder}/admin.sock`,
        metrics: `127.0.0.1:${this.port}`,
      },
      providers: [{ name, kind: "local", keyFile: `${folder}/${name}.keys`, create: true }, this.#safe],
    };
    await Deno.writeTextFile(`${folder}/trousseau.yaml`, JSON.stringify(config));
  }

  serve(...more: string[]): Process {
    return new Process({ name: "keyring", command: Deno.execPath(), args: this.#words("serve", ...more) });
  }

  command(...words: string[]) {
    return run(Deno.execPath(), this.#words(...words));
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
    return ["run", "--quiet", ...flags, mainFile, "keyring", ...words, ...config];
  }
}

Deno.test("a keyring whose key file is destroyed is read, and rewrapped, with the recovery key", () =>
  inFolder(async (folder) => {
    const { privateKey, publicKey } = await new Hpke().newKeyPair();
    const stage = new Stage(folder, publicKey);
    const keyFile = `${folder}/recovery.key`;
    await Deno.writeTextFile(keyFile, `${privateKeyText(privateKey)}\n`, { mode: 0o600 });
    const secrets = new Map(["db/prod/app", "db/prod/admin", "web/session"].map((path) => [path, `value of ${path}`]));
    const [paths, values] = [[...secrets.keys()], [...secrets.values()]];

    await stage.configure("a");
    await using first = stage.serve();
    await stage.ready(first);
    for (const [path, value] of secrets) {
      const { status, err } = await stage.clectl(`create ${path} --field password --stdin`, value);
      equal(status, 0, err);
    }
    deepEqual(await stage.read(paths), values);
    match(await stage.page("/metrics"), /^trousseau_recovery_key_loaded 0$/m);
    await first.stop();

    await Deno.remove(`${folder}/a.keys`);
    await stage.configure("b");

    // Without the recovery key nothing is served, and the reason names the option.
    await using closed = stage.serve();
    const reason = async () => /--recovery-key/.test(await stage.page("/readyz"));
    await waitFor("the reason", reason, { ...soon, alive: [closed] });
    doesNotMatch(await stage.page("/readyz"), /^ready$/m);
    equal((await stage.clectl("get db/prod/app --field password -o raw --show")).status, 69);
    await closed.stop();

    await using second = stage.serve("--recovery-key", keyFile);
    await stage.ready(second);
    deepEqual(await stage.read(paths), values);
    match(await stage.page("/readyz"), /^recovery key +degraded +A recovery key is loaded: .*can forge it\./m);
    match(await stage.page("/metrics"), /^trousseau_recovery_key_loaded 1$/m);
    match((await stage.clectl("health")).out, /recovery key\s+degraded/);
    equal((await stage.clectl("create new/one --field password --stdin", "new")).status, 0);
    await second.stop();

    const rewrapped = await stage.command("rewrap", "--recovery-key", keyFile);
    equal(rewrapped.code, 0, rewrapped.stderr);
    match(rewrapped.stdout, /^[1-9]\d* store keys are wrapped by the providers of this configuration\.$/m);
    await Deno.remove(keyFile);

    await using third = stage.serve();
    await stage.ready(third);
    deepEqual(await stage.read([...paths, "new/one"]), [...values, "new"]);
    doesNotMatch(await stage.page("/readyz"), /recovery key/);
    await third.stop();
    const verified = await stage.command("verify");
    equal(verified.code, 0, verified.stdout + verified.stderr);
  }));
