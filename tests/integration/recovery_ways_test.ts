/**
 * Recovery in less usual ways: of SOPS, with several recovery providers, after a renaming, with unusable key files, and
 * what a reload and `keys rotate` do meanwhile.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { dialSops } from "../../lib/api/sops/client.ts";
import { Hpke, type RecoveryKeyPair } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText, publicKeyText } from "../../lib/provider/recovery/key_text.ts";
import { vaultKeyOf } from "../../lib/services/sops/key_uri.ts";
import { mainFile } from "../support/local_plugin.ts";
import { freePort, Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const call = { signal: new AbortController().signal };
const soon = { timeoutMs: 30_000 };
const [one, two, three] = await Promise.all([0, 1, 2].map(() => new Hpke().newKeyPair()));
const plaintext = new Uint8Array(randomBytes(32));

type Provider = Readonly<Record<string, unknown>>;

function safe(name: string, pairs: readonly (RecoveryKeyPair | undefined)[], more: Provider = {}): Provider {
  const recipients = pairs.flatMap((pair) => pair === undefined ? [] : [publicKeyText(pair.publicKey)]);
  return { name, kind: "recovery", recipients, ...more };
}

/** A machine whose local key file is lost between two starts. */
class Stage {
  readonly folder: string;
  readonly port = freePort();

  constructor(folder: string) {
    this.folder = folder;
  }

  async configure(local: string, safes: readonly Provider[], more: Provider = {}): Promise<void> {
    const { folder, port } = this;
    const config = {
      socket: { path: `${folder}/kms.sock` },
      state: `${folder}/state`,
      telemetry: { listen: `127.0.0.1:${port}`, audit: "off" },
      sops: { socket: { path: `${folder}/sops.sock` }, listen: `127.0.0.1:${port}`, audit: "off" },
      providers: [{ name: local, kind: "local", keyFile: `${folder}/${local}.keys`, create: true }, ...safes],
      ...more,
    };
    await Deno.writeTextFile(`${folder}/trousseau.yaml`, JSON.stringify(config));
  }

  async keyFile(pair: RecoveryKeyPair | undefined, mode = 0o600): Promise<string> {
    assert.ok(pair);
    const path = `${this.folder}/recovery.key`;
    await Deno.writeTextFile(path, privateKeyText(pair.privateKey).replace(/ (?=\S+ \S+$)/, "\n"), { mode });
    await Deno.chmod(path, mode);
    return path;
  }

  start(...words: string[]): Process {
    return new Process({ name: `trousseau ${words[0]}`, command: Deno.execPath(), args: this.#words(words) });
  }

  command(...words: string[]) {
    return run(Deno.execPath(), this.#words(words));
  }

  async page(path: string): Promise<string> {
    return await fetch(`http://127.0.0.1:${this.port}${path}`).then((answer) => answer.text(), () => "");
  }

  /** Seals the plaintext over KMS v2, once the plugin can. */
  async seal(plugin: Process) {
    const { value } = await waitFor("an Encrypt", async () => {
      await using client = dialKms(`${this.folder}/kms.sock`);
      return await client.v2.Encrypt({ plaintext, uid: "t" }, call);
    }, { ...soon, alive: [plugin] });
    return value;
  }

  async open(sealed: Awaited<ReturnType<Stage["seal"]>>): Promise<Uint8Array> {
    await using client = dialKms(`${this.folder}/kms.sock`);
    return new Uint8Array((await client.v2.Decrypt({ ...sealed, uid: "t" }, call)).plaintext);
  }

  /** Seals with a local key that is lost afterwards. */
  async sealAndLose(safes: readonly Provider[]) {
    await this.configure("old", safes);
    await using plugin = this.start("serve");
    const sealed = await this.seal(plugin);
    await plugin.stop();
    await Deno.remove(`${this.folder}/old.keys`);
    return sealed;
  }

  #words(words: readonly string[]): string[] {
    const flags = [...permissionFlags(), `--allow-write=${this.folder}`];
    return ["run", "--quiet", ...flags, mainFile, ...words, "--config", `${this.folder}/trousseau.yaml`];
  }
}

Deno.test("two recovery providers, of which one was renamed: the key of either opens what both wrapped", () =>
  inFolder(async (folder) => {
    const stage = new Stage(folder);
    const sealed = await stage.sealAndLose([safe("bank", [one]), safe("cellar", [two, three])]);
    await stage.configure("new", [safe("bank", [one]), safe("vaults", [two, three], { formerly: ["cellar"] })]);
    for (const pair of [one, three]) {
      await using plugin = stage.start("serve", "--recovery-key", await stage.keyFile(pair));
      await stage.seal(plugin);
      assert.deepEqual(await stage.open(sealed), plaintext);
      assert.match(await stage.page("/readyz"), /^ready\n[^]*^recovery key: /m);
      await plugin.stop();
    }
  }));

Deno.test("a reload keeps the recovery key, also after its file was removed, and says nothing of it", () =>
  inFolder(async (folder) => {
    const stage = new Stage(folder);
    const sealed = await stage.sealAndLose([safe("safe", [one])]);
    await stage.configure("new", [safe("safe", [one])]);
    const file = await stage.keyFile(one);
    await using plugin = stage.start("serve", "--recovery-key", file);
    await stage.seal(plugin);
    await Deno.remove(file);
    plugin.signal("SIGHUP");
    const line = () => /Read the configuration again.*/.exec(plugin.output)?.[0];
    const { value } = await waitFor("the line of the reload", line, { ...soon, alive: [plugin] });
    assert.doesNotMatch(value, /restart/);
    assert.deepEqual(await stage.open(sealed), plaintext);
    assert.match(await stage.page("/metrics"), /^trousseau_recovery_key_loaded 1$/m);
    const status = await stage.command("status");
    assert.match(status.stdout, /^Warning: A recovery key is loaded: /m);
    assert.match(status.stdout, /^safe +recovery .*wrap only$/m);
    for (const text of [plugin.output, status.stdout]) assert.doesNotMatch(text, /TROUSSEAU-RECOVERY-KEY/i);
  }));

Deno.test("serve refuses a recovery key that others may read, is missing, is none, or is a stranger's", () =>
  inFolder(async (folder) => {
    const stage = new Stage(folder);
    await stage.sealAndLose([safe("safe", [one])]);
    await stage.configure("new", [safe("safe", [one])]);
    const refused = async (file: string, why: RegExp) => {
      for (const word of ["serve", "check"]) {
        const { code, stdout, stderr } = await stage.command(word, "--recovery-key", file);
        assert.equal(code, 78, `${word}: ${stdout}${stderr}`);
        assert.match(stdout + stderr, why);
        assert.doesNotMatch(stdout + stderr, /TROUSSEAU-RECOVERY-KEY/i);
      }
    };
    await refused(await stage.keyFile(one, 0o640), /is open to others than its owner \(mode 0640\)/);
    await refused(await stage.keyFile(two), /belongs to none of its recipients/);
    await refused(`${folder}/absent`, /there is no such file/);
    const twice = `${folder}/twice`;
    await Deno.writeTextFile(twice, (await Deno.readTextFile(await stage.keyFile(one))).repeat(2), { mode: 0o600 });
    await refused(twice, /is not one that trousseau recovery new prints/);
    const bare = await stage.command("serve");
    assert.equal(bare.code, 78);
    assert.match(bare.stderr, /give a private key of "safe" with --recovery-key/);
  }));

Deno.test("the key service of SOPS opens with the recovery key what a lost local key sealed", () =>
  inFolder(async (folder) => {
    const stage = new Stage(folder);
    const key = { vault_key: vaultKeyOf("default") };
    const within = async <T>(process: Process, work: (client: ReturnType<typeof dialSops>) => Promise<T>) =>
      (await waitFor("an answer", async () => {
        await using client = dialSops(`${folder}/sops.sock`);
        return await work(client);
      }, { ...soon, alive: [process] })).value;
    await stage.configure("old", [safe("safe", [one, two, three])]);
    await using first = stage.start("sops");
    const { ciphertext } = await within(first, (client) => client.sops.Encrypt({ key, plaintext }, call));
    await first.stop();
    await Deno.remove(`${folder}/old.keys`);
    await stage.configure("new", [safe("safe", [three, one, two])]);

    await using closed = stage.start("sops");
    await within(closed, (client) => client.sops.Encrypt({ key, plaintext }, call));
    await using client = dialSops(`${folder}/sops.sock`);
    const opening = client.sops.Decrypt({ key, ciphertext }, call);
    await assert.rejects(opening, { code: "key_unknown", message: /a private key of "safe" with --recovery-key/ });
    await closed.stop();

    await using second = stage.start("sops", "--recovery-key", await stage.keyFile(two));
    const opened = await within(second, (client) => client.sops.Decrypt({ key, ciphertext }, call));
    assert.deepEqual(new Uint8Array(opened.plaintext), plaintext);
    assert.match(await stage.page("/readyz"), /^recovery key: A recovery key is loaded/m);
    assert.match(await stage.page("/metrics"), /^trousseau_recovery_key_loaded 1$/m);
  }));

Deno.test("keys rotate rotates the local key beside a recovery provider, and says how the latter is rotated", () =>
  inFolder(async (folder) => {
    const stage = new Stage(folder);
    await stage.configure("local", [safe("safe", [one])]);
    await using plugin = stage.start("serve");
    const sealed = await stage.seal(plugin);
    const rotated = await stage.command("keys", "rotate", "--provider", "local");
    assert.equal(rotated.code, 0, rotated.stderr);
    const { code, stdout } = await stage.command("keys", "rotate", "--provider", "safe");
    assert.equal(code, 0);
    assert.match(stdout, /^# "safe" is rotated by another recovery key, .* in recipients:\ntrousseau recovery new$/m);
    assert.deepEqual(await stage.open(sealed), plaintext);
  }));

Deno.test("a stranger with the public key forges while the private key is loaded, and not otherwise", () =>
  inFolder((folder) =>
    inFolder(async (elsewhere) => {
      const [stage, stranger] = [new Stage(folder), new Stage(elsewhere)];
      // The stranger has a local key of the same name, and of the recovery key the public half alone.
      await stranger.configure("local", [safe("safe", [one])]);
      await using forging = stranger.start("serve");
      const forged = await stranger.seal(forging);
      await forging.stop();

      await stage.configure("local", [safe("safe", [one])]);
      await using plain = stage.start("serve");
      await stage.seal(plain);
      await assert.rejects(stage.open(forged));
      await plain.stop();

      await using recovering = stage.start("serve", "--recovery-key", await stage.keyFile(one));
      await stage.seal(recovering);
      assert.deepEqual(await stage.open(forged), plaintext, "SECURITY.md and the status say so");
    })
  ));
