/**
 * One Trousseau behind another, both as processes with the permissions of the binary, and the result of `conformance`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
const call = { signal: new AbortController().signal };
const soon = { timeoutMs: 60_000, everyMs: 20 };

/** The arguments of the program with the flags of the binary, and the test's folder in place of `/run`. */
function args(folder: string, ...words: string[]): string[] {
  return ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder}`, main, ...words];
}

async function config(
  folder: string,
  name: string,
  provider: Record<string, unknown>,
  interval = "1s",
): Promise<string> {
  const file = `${folder}/${name}.yaml`;
  const content = {
    socket: { path: `${folder}/${name}.sock` },
    state: `${folder}/${name}.state`,
    telemetry: { listen: "off", audit: "off" },
    probe: { interval },
    providers: [provider],
  };
  await Deno.writeTextFile(file, JSON.stringify(content));
  return file;
}

function serve(folder: string, file: string): Process {
  const command = Deno.execPath();
  return new Process({ name: file, command, args: args(folder, "serve", "--config", file), cwd: folder });
}

/** Waits for a first round trip. */
async function ready(path: string, process: Process): Promise<string> {
  const { value } = await waitFor(`a round trip over ${path}`, () => roundTrip(path), { ...soon, alive: [process] });
  return value;
}

async function roundTrip(path: string): Promise<string> {
  await using client = dialKms(path);
  const plaintext = new Uint8Array(randomBytes(32));
  const sealed = await client.v2.Encrypt({ plaintext, uid: "test" }, call);
  const { plaintext: opened } = await client.v2.Decrypt({ ...sealed, uid: "test" }, call);
  assert.deepEqual(new Uint8Array(opened), plaintext);
  return sealed.key_id;
}

const inner = (folder: string) =>
  config(folder, "inner", { name: "local", kind: "local", keyFile: `${folder}/local.keys`, create: true });
// Each of its probes is a Status call of the inner plugin, whose key ID changes only after four seconds without one.
const outer = (folder: string) =>
  config(folder, "outer", { name: "chained", kind: "kms-plugin", socket: `unix://${folder}/inner.sock` }, "5s");

Deno.test("a Trousseau with another Trousseau as its KMS serves, survives its end, follows its rotation, and both conform", async () => {
  await inFolder(async (folder) => {
    const [innerFile, outerFile] = [await inner(folder), await outer(folder)];
    const paths = { inner: `${folder}/inner.sock`, outer: `${folder}/outer.sock` };
    await using first = serve(folder, outerFile);
    // It starts before its KMS and connects to it later.
    await waitFor("its socket", async () => (await Deno.stat(paths.outer)).isSocket, { ...soon, alive: [first] });
    let second = serve(folder, innerFile);
    try {
      const innerId = await ready(paths.inner, second);
      const outerId = await ready(paths.outer, first);
      assert.notEqual(innerId, outerId);

      for (const path of [paths.inner, paths.outer]) {
        const { code, stdout, stderr } = await run(Deno.execPath(), args(folder, "conformance", "--json", path));
        assert.equal(code, 0, stdout + stderr);
        const { holds, fails, untried } = JSON.parse(stdout);
        assert.deepEqual([holds > 25, fails, untried], [true, 0, 3]);
      }

      await using client = dialKms(paths.outer);
      const plaintext = new Uint8Array(randomBytes(32));
      const sealed = await client.v2.Encrypt({ plaintext, uid: "a" }, call);
      await second.kill();
      const status = await client.v2.Status({}, call);
      assert.deepEqual([status.healthz, status.key_id], ["ok", outerId], "an outage of the chained one is not seen");
      await client.v2.Encrypt({ plaintext, uid: "b" }, call);

      const rotated = await run(Deno.execPath(), args(folder, "keys", "rotate", "--config", innerFile));
      assert.equal(rotated.code, 0, rotated.stderr);
      second = serve(folder, innerFile);
      for (const [path, before] of [[paths.inner, innerId], [paths.outer, outerId]] as const) {
        const changed = async () => await ready(path, second) !== before;
        await waitFor(`the key_id after the rotation on ${path}`, changed, { ...soon, alive: [first, second] });
      }
      await first.stop();
      await using again = serve(folder, outerFile);
      await ready(paths.outer, again);
      const opened = await client.v2.Decrypt({ ...sealed, uid: "c" }, call);
      assert.deepEqual(new Uint8Array(opened.plaintext), plaintext, "what was sealed before opens");
    } finally {
      await second.stop();
    }
  });
});

Deno.test("check refuses a plugin that is its own KMS, also through a link, and one outside of the folders", async () => {
  await inFolder(async (folder) => {
    const provider = (socket: string) => ({ name: "self", kind: "kms-plugin", socket: `unix://${socket}` });
    await Deno.mkdir(`${folder}/real`);
    await Deno.symlink(`${folder}/real`, `${folder}/link`);
    const file = await config(folder, "real/self", provider(`${folder}/link/self.sock`));
    for (const command of ["check", "serve"]) {
      const { code, stderr } = await run(Deno.execPath(), args(folder, command, "--config", file));
      assert.equal(code, 78);
      assert.match(stderr, /is the socket that this plugin serves itself: it would wait for itself for ever/);
    }
    const elsewhere = await config(folder, "far", provider("/opt/hsm/kms.sock"));
    const { code, stderr } = await run(Deno.execPath(), args(folder, "check", "--config", elsewhere));
    assert.equal(code, 78);
    assert.match(stderr, /is not where Trousseau is permitted to reach a socket \(\/run, /);
  });
});
