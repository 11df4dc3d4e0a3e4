/**
 * The staged `clectl`: what its bundle holds, and that it runs with its own permissions.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { artefacts, clectl } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";
import { answerJson, KeyringDouble, type Responder } from "../support/keyring_double.ts";

const folder = await Deno.makeTempDir();
const staged = new Map<string, string>();
/** The sizes of the modules of clectl with the rows of docs/errors.md, in characters. */
const rowModules: number[] = [];
for (const artefact of artefacts) {
  const { modules } = await stage(folder, { artefact });
  const texts = await Array.fromAsync(Deno.readDir(modules), ({ name }) => Deno.readTextFile(join(modules, name)));
  const [code, rows] = [false, true].map((wanted) => texts.filter((text) => hasErrorRows(text) === wanted));
  staged.set(artefact.name, code?.join("\n") ?? "");
  if (artefact.name === "clectl") rowModules.push(...rows?.map(({ length }) => length) ?? []);
}
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Whether a module is one of the two tables of `help error`: they are text, loaded after a failure, and name every KMS. */
function hasErrorRows(text: string): boolean {
  return /calls-\w{5}\t/.test(text) && /keyring-login-\w{5}\t/.test(text);
}

/** Words that only code of the plugin, of its providers, of its packages or of a server holds. */
const markers = [
  "vault-transit",
  "aws-kms",
  "azure-key-vault",
  "gcp-kms",
  "kms-plugin",
  "v1beta1",
  "HealthBoard",
  "openTelemetry",
  "protobufjs",
  "prom-client",
  "createServer",
  "Deno.listen",
];

Deno.test("the bundle of clectl holds no code of a provider, of a service, of their packages or of a server", () => {
  const [plugin = "", client = ""] = ["trousseau", "clectl"].map((name) => staged.get(name));
  for (const marker of markers) {
    assert.ok(plugin.includes(marker), `${marker} marks nothing: the bundle of trousseau lacks it`);
    assert.ok(!client.includes(marker), `the bundle of clectl has ${marker}`);
  }
});

Deno.test("the code of clectl has at most 1,250,000 bytes, most of them the reader of workbooks", () => {
  assert.ok((staged.get("clectl") ?? "").length <= 1_250_000);
});

Deno.test("the rows of docs/errors.md add two modules to clectl, and at most 450,000 bytes", () => {
  assert.equal(rowModules.length, 2);
  assert.ok(rowModules.reduce((sum, one) => sum + one, 0) <= 450_000);
});

const home = join(folder, "home");

/** The environment of a call. */
function environment(more: Record<string, string> = {}): Record<string, string> {
  return { DENO: Deno.execPath(), DENO_DIR: join(folder, "cache"), NO_COLOR: "1", HOME: home, ...more };
}

async function said(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return await saidWith({}, join(folder, clectl.name), ...args);
}

async function saidWith(variables: Record<string, string>, command: string, ...args: string[]) {
  const env = environment(variables);
  const { code, stdout, stderr } = await new Deno.Command(command, { args, env, cwd: folder }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

Deno.test("the staged clectl prints version, help and completions, and names its usage errors", async () => {
  assert.match((await said("version")).out, /^clectl \d+\.\d+\.\d+\n$/);
  assert.match((await said()).out, /^Usage:\n {2}clectl COMMAND/m);
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, out, err } = await said("completions", shell);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /completion for clectl/);
  }
  const { code, err } = await said("serve");
  const first = 'clectl: There is no command "serve". Did you mean "trousseau keyring serve"?';
  assert.deepEqual([code, err.split("\n")[0]], [64, first]);
});

Deno.test("the staged clectl loads each package on demand: YAML, XML, CSV and workbooks", async () => {
  const { code, out, err } = await said("version", "-o", "yaml");
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /^version: \d+\.\d+\.\d+\ncommit: /);
  // A dynamic import of a CommonJS package has no names in a bundle.
  const imported = [...(staged.get("clectl") ?? "").matchAll(/await import\("\.\/([^"]+)"\)/g)].map(([, name]) =>
    name ?? ""
  );
  assert.ok(imported.length > 20);
  for (const name of new Set(imported)) {
    const text = await Deno.readTextFile(join(folder, "modules/clectl", name));
    assert.doesNotMatch(text, /export\{[^}]*\bas default\}/, name);
    const names = [...text.matchAll(/export\{([^}]*)\}/g)].map(([, list]) => list);
    assert.ok(names.some((list) => list !== ""), `${name} exports nothing`);
  }
});

/** Answers as a keyring with one secret. */
const respond: Responder = ({ url, body }, response) => {
  if (url === "/api/v1/import") {
    const { items, dryRun } = JSON.parse(body);
    const rows = items.map(({ path }: { path: string }) => ({ path, version: 1 }));
    return answerJson(response, { written: dryRun ? 0 : rows.length, items: rows });
  }
  const fields = { password: { kind: "text", value: "one two" } };
  answerJson(response, { path: "a", version: 1, createdAt: "t", labels: {}, fields }, 201);
};

Deno.test("the staged clectl speaks over a socket, and takes values from a pipe of the shell and from standard input", async () => {
  await using double = await KeyringDouble.start(respond);
  const variables = { CLECTL_ADDRESS: double.address };
  const run = (script: string) => saidWith(variables, "bash", "--norc", "-c", script);
  assert.deepEqual(await run("./clectl get a -f password"), { code: 0, out: "one two", err: "" });
  for (const script of ["--file <(printf 'x\n')", "--stdin <<< x"]) {
    assert.deepEqual((await run(`./clectl create a -f password ${script}`)).code, 0, script);
  }
  const values = double.requests.slice(1).map(({ body }) => JSON.parse(body).fields.password.value);
  assert.deepEqual(values, ["x\n", "x"]);
  const plain = await run("./clectl create a -f password --file /dev/fd/9 9< modules/clectl/main.js");
  assert.equal(plain.code, 64);
});

Deno.test("the staged clectl parses an import in a worker, and says why a file is refused", async () => {
  await using double = await KeyringDouble.start(respond);
  const variables = { CLECTL_ADDRESS: double.address };
  await Deno.writeTextFile(join(folder, "s.csv"), "path,password\na/b,007\n");
  const program = join(folder, "clectl");
  const good = await saidWith(variables, program, "import", "s.csv");
  assert.deepEqual([good.code, good.out], [0, "1 secret imported.\n"], good.err);
  assert.equal(JSON.parse(double.requests[1]?.body ?? "").items[0].fields.password.value, "007");
  const bad = await saidWith(variables, program, "import", "clectl", "--format", "xlsx");
  assert.deepEqual([bad.code, bad.out, double.requests.length], [64, "", 2]);
  assert.match(bad.err, /^clectl: Cannot import clectl as xlsx: it is no XLSX workbook/);
});

Deno.test("the staged clectl keeps contexts in the folders of the environment", async () => {
  const config = join(folder, "config");
  const program = join(folder, "clectl");
  const set = ["context", "set", "here", "--address", "unix:///run/a.sock"];
  assert.equal((await saidWith({ XDG_CONFIG_HOME: config }, program, ...set)).code, 0);
  assert.equal(((await Deno.stat(`${config}/clectl/contexts/here.json`)).mode ?? 0) & 0o777, 0o600);
  const listed = await saidWith({ XDG_CONFIG_HOME: config }, program, "context", "list", "--json");
  assert.equal(JSON.parse(listed.out)[0].name, "here");
});
