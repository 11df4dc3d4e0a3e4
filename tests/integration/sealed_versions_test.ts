/**
 * The reports of `check` and `serve` when data of this node cannot be opened any more: keys lost, swapped between nodes,
 * damaged, or retired too early.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { createKeyFile } from "../../lib/provider/local/write_key_file.ts";
import { freePort, Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { startTransitServer } from "../support/transit_server.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
const call = { signal: new AbortController().signal };
const soon = { timeoutMs: 30_000, everyMs: 20 };

/** A node with its folder, its configuration and the address of its telemetry. */
class Node {
  readonly folder: string;
  readonly config: string;
  readonly keyFile: string;
  readonly socket: string;
  readonly #listen = `127.0.0.1:${freePort()}`;

  constructor(folder: string) {
    this.folder = folder;
    this.config = `${folder}/trousseau.yaml`;
    this.keyFile = `${folder}/local.keys`;
    this.socket = `${folder}/kms.sock`;
  }

  async configure(changes: Record<string, unknown> = {}): Promise<void> {
    await Deno.mkdir(this.folder, { recursive: true });
    const content = {
      socket: { path: this.socket },
      state: `${this.folder}/state`,
      telemetry: { listen: this.#listen, audit: "off" },
      providers: [{ name: "local", kind: "local", keyFile: this.keyFile, create: true }],
      sops: { socket: { path: `${this.folder}/sops.sock` } },
      ...changes,
    };
    await Deno.writeTextFile(this.config, JSON.stringify(content));
  }

  #words(command: readonly string[]) {
    const allow = [...permissionFlags(), `--allow-write=${this.folder}`];
    return ["run", "--quiet", ...allow, main, ...command, "--config", this.config];
  }

  start(command = "serve"): Process {
    const env = { STATE_DIRECTORY: `${this.folder}/state` };
    return new Process({ name: command, command: Deno.execPath(), args: this.#words([command]), env });
  }

  async run(...command: readonly string[]): Promise<{ code: number; text: string }> {
    const { code, stdout, stderr } = await run(Deno.execPath(), this.#words(command));
    return { code, text: stdout + stderr };
  }

  async check(): Promise<{ code: number; text: string }> {
    return await this.run("check");
  }

  /** Waits until Encrypt is answered. @returns the envelope. */
  async seal(process: Process) {
    const { value } = await waitFor("an Encrypt", async () => {
      await using client = dialKms(this.socket);
      return await client.v2.Encrypt({ plaintext: new Uint8Array(randomBytes(32)), uid: "test" }, call);
    }, { ...soon, alive: [process] });
    return value;
  }

  async open(sealed: Awaited<ReturnType<Node["seal"]>>): Promise<Uint8Array> {
    await using client = dialKms(this.socket);
    return (await client.v2.Decrypt({ ...sealed, uid: "test" }, call)).plaintext;
  }

  async get(path: string): Promise<string> {
    return await (await fetch(`http://${this.#listen}${path}`)).text();
  }

  /** Serves, encrypts something and stops. */
  async serveOnce(): Promise<void> {
    await using process = this.start();
    await this.seal(process);
    assert.equal((await process.stop()).code, 0);
  }

  async versions(): Promise<readonly string[]> {
    return JSON.parse(await Deno.readTextFile(this.keyFile)).keys.map(({ id }: { id: string }) => id);
  }
}

async function copyFile(from: string, to: string): Promise<void> {
  await Deno.copyFile(from, `${to}.new`);
  await Deno.chmod(`${to}.new`, 0o600);
  await Deno.rename(`${to}.new`, to);
}

/** Changes one character of the last key's material, which stays canonical base64. */
async function damage(keyFile: string): Promise<void> {
  const file = JSON.parse(await Deno.readTextFile(keyFile));
  const last = file.keys.at(-1);
  last.key = (last.key.startsWith("A") ? "B" : "A") + last.key.slice(1);
  await Deno.writeTextFile(`${keyFile}.new`, JSON.stringify(file), { mode: 0o600 });
  await Deno.rename(`${keyFile}.new`, keyFile);
}

Deno.test("another node's key file: check ends with 77 and serve shows it at once, until it is put back or accepted", async () => {
  await inFolder(async (parent) => {
    const [node, other] = [new Node(`${parent}/a`), new Node(`${parent}/b`)];
    for (const one of [node, other]) {
      await one.configure();
      await one.serveOnce();
    }
    const [version = ""] = await node.versions();
    const good = await node.check();
    assert.equal(good.code, 0, good.text);
    assert.match(good.text, new RegExp(`that open: local@${version}\\.`));
    await copyFile(node.keyFile, `${parent}/backup`);
    await copyFile(other.keyFile, node.keyFile);

    const { code, text } = await node.check();
    assert.equal(code, 77, text);
    assert.match(text, new RegExp(`sealed with version ${version} of provider "local" cannot be read any more: `));
    assert.ok(text.includes(`forgotten: ['local@${version}']`), text);
    assert.doesNotMatch(text, /objects are rewritten at their next update/);

    await using process = node.start();
    const { value: found } = await waitFor("a refused version", async () => {
      const { sealedVersions } = JSON.parse(await node.get("/status"));
      return sealedVersions.find(({ state }: { state: string }) => state === "refused");
    }, { ...soon, alive: [process] });
    assert.deepEqual(
      [found.provider, found.version, found.announced, found.code],
      ["local", version, true, "key_unknown"],
    );
    assert.match(await node.get("/metrics"), /^trousseau_unopenable_versions\{provider="local",kind="local"\} 1$/m);
    // It keeps serving: the key ID of the new key is announced, and the lost version stays in the status.
    await waitFor("the next key ID", async () => {
      const { keyId, sealedVersions } = JSON.parse(await node.get("/status"));
      return keyId !== undefined && sealedVersions.some(({ state }: { state: string }) => state === "opens");
    }, soon);
    const later = JSON.parse(await node.get("/status")).sealedVersions[0];
    assert.deepEqual([later.version, later.state, later.announced], [version, "refused", true]);
    assert.equal(process.output.match(/cannot be read any more/g)?.length, 1, process.tail);
    assert.equal((await process.stop()).code, 0);

    await node.configure({ forgotten: [`local@${version}`] });
    const accepted = await node.check();
    assert.equal(accepted.code, 0, accepted.text);
    await node.configure({ forgotten: ["local@ffffffffffffffff"] });
    const mistaken = await node.check();
    assert.equal(mistaken.code, 77);
    assert.match(mistaken.text, /forgotten: "local@ffffffffffffffff" accepts nothing on this node/);
  });
});

Deno.test("a lost key file under create: true is not created again by check, serve or sops before the loss is accepted", async () => {
  await inFolder(async (folder) => {
    const node = new Node(folder);
    await node.configure();
    await node.serveOnce();
    const [version = ""] = await node.versions();
    await Deno.remove(node.keyFile);
    const { code, text } = await node.check();
    assert.equal(code, 78, text);
    const refusal = new RegExp(`local\\.keys" is not there.* from a backup.*forgotten: \\['local@${version}'\\]`);
    assert.match(text, refusal);
    assert.doesNotMatch(text, /the first start makes it/);
    for (const command of ["serve", "sops"]) {
      await using process = node.start(command);
      assert.equal((await process.exited).code, 78, process.output);
      assert.match(process.output, refusal);
    }
    await assert.rejects(Deno.stat(node.keyFile), Deno.errors.NotFound);
    await node.configure({ forgotten: [`local@${version}`] });
    assert.match((await node.check()).text, /the first start makes it/);
    await node.serveOnce();
    assert.notDeepEqual(await node.versions(), [version]);
    const after = await node.check();
    assert.equal(after.code, 0, after.text);
  });
});

Deno.test("a lost key file of the key service alone is not created again, and another key file is not reported as lost", async () => {
  await inFolder(async (folder) => {
    const node = new Node(folder);
    await node.configure();
    const listening = async (process: Process) => {
      const path = `${folder}/sops.sock`;
      const connect = () => Deno.connect({ transport: "unix", path }).then((connection) => (connection.close(), true));
      await waitFor("the key service", connect, { ...soon, alive: [process] });
      assert.equal((await process.stop()).code, 0);
    };
    await using first = node.start("sops");
    await listening(first);
    await Deno.rename(node.keyFile, `${folder}/backup`);
    await using second = node.start("sops");
    assert.equal((await second.exited).code, 78, second.output);
    assert.match(second.output, /local\.keys" is not there/);
    const keyFile = `${folder}/other.keys`;
    await node.configure({ providers: [{ name: "local", kind: "local", keyFile, create: true }] });
    await using third = node.start("sops");
    await listening(third);
    assert.ok((await Deno.stat(keyFile)).isFile);
  });
});

Deno.test("a new local key with one changed character is refused by check, serve and keys rotate", async () => {
  await inFolder(async (folder) => {
    const node = new Node(folder);
    await node.configure();
    await createKeyFile(node.keyFile);
    // This node has no record of the key. The damage is found in the file itself.
    await damage(node.keyFile);
    const { code, text } = await node.check();
    assert.equal(code, 78, text);
    assert.match(text, /local\.keys" is damaged: keys\[0\] has an id that does not fit its key, .* from a backup/);
    await using process = node.start();
    assert.equal((await process.exited).code, 78, process.output);
    assert.match(process.output, /has an id that does not fit its key/);
    const before = await Deno.readTextFile(node.keyFile);
    const rotation = await node.run("keys", "rotate");
    assert.equal(rotation.code, 78, rotation.text);
    assert.match(rotation.text, /has an id that does not fit its key/);
    assert.equal(await Deno.readTextFile(node.keyFile), before);
  });
});

Deno.test("an older local key with one changed character is refused once this node has used it; a running plugin keeps the unchanged one", async () => {
  await inFolder(async (folder) => {
    const node = new Node(folder);
    await node.configure();
    const older = {
      format: 1,
      keys: [{
        id: "0123456789abcdef",
        createdAt: "2026-01-31T12:00:00.000Z",
        key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
      }],
    };
    await Deno.writeTextFile(node.keyFile, JSON.stringify(older), { mode: 0o600 });
    await using process = node.start();
    const sealed = await node.seal(process);
    await copyFile(node.keyFile, `${folder}/backup`);
    await damage(node.keyFile);
    const refusal = /local\.keys" holds another key 0123456789abcdef than .* from a backup/;
    // The wrap of the next data key reads the file for the first time.
    await node.seal(process);
    await waitFor("a warning", () => refusal.test(process.output), { ...soon, alive: [process] });
    assert.equal((await node.open(sealed)).length, 32);
    const { code, text } = await node.check();
    assert.equal(code, 78, text);
    assert.match(text, refusal);
    assert.equal((await process.stop()).code, 0);
    await using again = node.start();
    assert.equal((await again.exited).code, 78, again.output);
    assert.match(again.output, refusal);
    await copyFile(`${folder}/backup`, node.keyFile);
    await using mended = node.start();
    await node.seal(mended);
    assert.equal((await node.open(sealed)).length, 32);
    const good = await node.check();
    assert.equal(good.code, 0, good.text);
  });
});

Deno.test("a version of Vault's that was retired ends check with 77 until forgotten: ['vault@1'] accepts it", async () => {
  await inFolder(async (folder) => {
    await using server = await startTransitServer();
    server.transit.create("kubernetes");
    await Deno.writeTextFile(`${folder}/token`, server.token, { mode: 0o600 });
    const vault = {
      name: "vault",
      kind: "vault-transit",
      address: server.address,
      key: "kubernetes",
      auth: { method: "token", token: { file: `${folder}/token` } },
    };
    const node = new Node(folder);
    await node.configure({ providers: [vault] });
    await node.serveOnce();
    server.transit.rotate("kubernetes");
    server.transit.configure("kubernetes", { minDecryption: 2 });
    const { code, text } = await node.check();
    assert.equal(code, 77, text);
    assert.match(
      text,
      /sealed with version 1@\S+ of provider "vault" cannot be read any more: .*forgotten: \['vault@1'\]/,
    );
    assert.doesNotMatch(text, /objects are rewritten at their next update/);
    await node.configure({ providers: [vault], forgotten: ["vault@1"] });
    const accepted = await node.check();
    assert.equal(accepted.code, 0, accepted.text);
    assert.match(accepted.text, /what is left under the old one, which forgotten gives up, can be neither read nor/);
    await node.configure({ providers: [vault] });
    server.fault = { kind: "status", status: 503, why: "Vault is sealed" };
    const outage = await node.check();
    assert.equal(outage.code, 69, outage.text);
    assert.match(outage.text, /Versions that could not be tried now: vault@1@/);
  });
});
