/**
 * The program as a process, with the permissions that are baked into the binary: what no command can show from inside.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { makeFifo } from "../support/fifo.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
const decoder = new TextDecoder();

function command(words: readonly string[], env: Record<string, string> = {}): Deno.Command {
  const args = ["run", "--quiet", ...permissionFlags(), main, ...words];
  return new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stdout: "piped", stderr: "piped" });
}

async function ran(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await command(words).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** A folder that is removed in the end. */
async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("main exits 0 and prints help without words", async () => {
  const { code, out, err } = await ran();
  deepEqual([code, err], [0, ""]);
  match(out, /^Commands:$/m);
});

Deno.test("main exits 64 for an unknown command, and prints nothing to stdout", async () => {
  const { code, out, err } = await ran("sreve");
  deepEqual([code, out], [64, ""]);
  match(err, /^trousseau: There is no command "sreve"\. Did you mean "serve"\?\n/);
});

Deno.test("main exits 69 where nobody listens on the socket", async () => {
  const { code, out } = await ran("probe", "--socket", "/run/nonexistent/kms.sock", "--json");
  equal(code, 69);
  equal(JSON.parse(out).ok, false);
});

Deno.test("main exits 78 for a wrong configuration, with file, line and column", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/trousseau.yaml`;
  await Deno.writeTextFile(file, "providers:\n  - name: a\n    kind: lokal\n");
  for (const words of [["check", "--config", file], ["serve", "--config", file], ["keys", "--config", file]]) {
    const { code, out, err } = await ran(...words);
    deepEqual([code, out], [78, ""]);
    match(err, /^\S+trousseau\.yaml:3:5: providers\[0\]\.kind: .*"local"/m);
  }
});

Deno.test("main exits 78 for a configuration that is not there", async () => {
  const { code, err } = await ran("check", "--config", "/nonexistent/trousseau.yaml");
  equal(code, 78);
  match(err, /nonexistent\/trousseau\.yaml: there is no such file/);
});

Deno.test("main refuses a FIFO and a device as a configuration at once", async () => {
  await using folder = await temporaryFolder();
  await makeFifo(`${folder.path}/fifo`);
  for (const command of ["check", "serve", "keys"]) {
    const { code, err } = await ran(command, "--config", `${folder.path}/fifo`);
    equal(code, 78);
    match(
      err,
      /^Cannot read the config file \S+\/fifo: it is a pipe, and only a regular file is read\.\nRun "\w+ help error \S+" for cause and cure\.\n$/,
    );
  }
  const { code, err } = await ran("check", "--config", "/dev/zero");
  equal(code, 78);
  match(err, /^Cannot read the config file \/dev\/zero: /);
});

Deno.test("main refuses a FIFO in the place of the node's state at once", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/trousseau.yaml`;
  await Deno.mkdir(`${folder.path}/state`);
  await makeFifo(`${folder.path}/state/key-ring.json`);
  const state = `${folder.path}/state`;
  await Deno.writeTextFile(
    file,
    JSON.stringify({ providers: [{ kind: "kms-plugin", name: "hsm", socket: "unix:///run/nonexistent/kms.sock" }] }),
  );
  const args = ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder.path}`, main, "keys", "--config", file];
  const env = { STATE_DIRECTORY: state };
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, env, stderr: "piped" }).output();
  equal(code, 78);
  match(decoder.decode(stderr), /^Cannot read the key IDs of this node from \S+\/key-ring\.json: it is a pipe, /);
});

Deno.test("main ends at SIGTERM while it waits", async () => {
  const child = command(["probe", "--wait", "--timeout", "1m", "--socket", "/run/nonexistent/kms.sock"]).spawn();
  const err = child.stderr.getReader();
  // Progress shows after two seconds that the command is at its work.
  match(decoder.decode((await err.read()).value), /^Waiting for \/run\/nonexistent\/kms\.sock, 1m at most … \d+ s\n/);
  child.kill("SIGTERM");
  equal((await child.status).code, 69);
  await Promise.all([err.cancel(), child.stdout.cancel()]);
});

Deno.test("main goes on as if nothing were when the reader of its output leaves", async () => {
  const child = command(["help"]).spawn();
  await child.stdout.cancel();
  equal((await child.status).code, 0);
  equal(await new Response(child.stderr).text(), "");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`main ends status --watch at ${signal} with the exit status of the last look`, async () => {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/trousseau.yaml`;
    const socket = "/run/nonexistent/kms.sock";
    await Deno.writeTextFile(
      file,
      JSON.stringify({
        socket: { path: socket },
        telemetry: { listen: "off" },
        providers: [{ kind: "kms-plugin", name: "hsm", socket: "unix:///run/nonexistent/hsm.sock" }],
      }),
    );
    const child = command(["status", "--watch", "--interval", "1s", "-o", "json", file]).spawn();
    const out = child.stdout.getReader();
    const text = decoder.decode((await out.read()).value) + decoder.decode((await out.read()).value);
    child.kill(signal);
    const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
    await out.cancel();
    deepEqual([code, err], [69, ""]);
    const documents = text.trimEnd().split("\n").map((one) => JSON.parse(one));
    equal(documents.length, 2);
    for (const document of documents) deepEqual([document.socket, document.error.code], [socket, "unreachable"]);
  });
}

Deno.test("main takes options before the command", async () => {
  const { code, out } = await ran("-o", "json", "--socket", "/run/nonexistent/kms.sock", "probe");
  equal(code, 69);
  equal(JSON.parse(out).ok, false);
});

Deno.test("main refuses --junit FILE outside its folders before it tries anything, and says what to do", async () => {
  const { code, out, err } = await ran("conformance", "/run/nonexistent/kms.sock", "--junit", "/tmp/trousseau.xml");
  deepEqual([code, out], [78, ""]);
  match(err, /^Cannot write \/tmp\/trousseau\.xml: Trousseau may write below .* only; use --junit - > FILE\.$/m);
});

Deno.test("main serve --log-level logs at that level, whatever the configuration says, and after a reload too", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/trousseau.yaml`;
  const content = {
    socket: { path: `${folder.path}/kms.sock` },
    state: `${folder.path}/state`,
    telemetry: { listen: "off", audit: "off", log: { level: "error", format: "json" } },
    providers: [{ kind: "local", name: "local", keyFile: `${folder.path}/local.keys`, create: true }],
  };
  await Deno.writeTextFile(file, JSON.stringify(content));
  const flags = permissionFlags().map((flag) => flag.replace("--allow-write=", `--allow-write=${folder.path},`));
  const args = ["run", "--quiet", ...flags, main, "-c", file, "serve", "--log-level", "debug"];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "piped" }).spawn();
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (pattern: RegExp) => {
    while (!pattern.test(text)) {
      const { value, done } = await lines.read();
      if (done) throw new Error(`It ended before ${pattern}: ${text}`);
      text += value;
    }
  };
  await until(/"level":"debug".*"event":"provider_call"/);
  await until(/"action":"serving"/);
  child.kill("SIGHUP");
  await until(/"action":"reloaded"/);
  child.kill("SIGTERM");
  await until(/"action":"stopped"/);
  equal((await child.status).code, 0);
  await lines.cancel();
});
