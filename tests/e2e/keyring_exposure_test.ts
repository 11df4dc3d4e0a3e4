/**
 * A secret on its way through the client and the server: the test knows the value, and looks for it in the arguments and
 * the environment of all processes, in every output, in logs, the audit, the store and its log, in files for temporary
 * data and on the wire.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { pause, waitFor } from "../support/processes.ts";
import type { Entry } from "./harness/etcd.ts";
import { exposures, filesBelow, texts } from "./harness/exposure.ts";
import { type Ended, keyringPrograms, KeyringSite } from "./harness/keyring.ts";
import { ProcessWatch } from "./harness/process_watch.ts";
import { Recorder } from "./harness/recorder.ts";
import { TypedProgram } from "./harness/typed_program.ts";

const programs = await keyringPrograms();

/** A value that every encoding changes, and that occurs nowhere by chance. */
function draw(): string {
  return `p"${randomBytes(12).toString("base64url")}@/é\\+${randomBytes(9).toString("base64url")}`;
}

function well(ended: Ended): Ended {
  equal(ended.code, 0, ended.stderr);
  return ended;
}

/** All places of a site but the outputs of clients: files, the log of the server, files for temporary data. */
async function placesOf(site: KeyringSite, begun: number): Promise<Entry[]> {
  const own = (await filesBelow(site.folder)).filter(({ key }) => !key.startsWith(join(site.folder, "in/")));
  const shared = await filesBelow("/tmp", begun);
  return [...own, ...shared, ...texts({ "the log of the server": site.server.output })];
}

/** Logs a person in over the recorder. @returns the code, which must be nowhere either. */
async function logIn(site: KeyringSite, recorder: Recorder): Promise<string> {
  const policy = join(site.folder, "policy.yaml");
  const all = "[list, read, write, generate, destroy]";
  await Deno.writeTextFile(policy, `roles: {all: {rules: [{path: /, verbs: ${all}}]}}\n`);
  well(await site.clectl(["policy", "set", policy]));
  const { code } = JSON.parse(well(await site.clectl(["enrol", "anna", "--roles", "all", "-o", "json"])).stdout);
  const [, fingerprint = ""] = /fingerprint[^0-9a-f]+([0-9a-f]{64})/i.exec(site.server.output) ?? [];
  const url = `https://localhost:${recorder.port}`;
  well(await site.person(["login", url, ...(fingerprint === "" ? [] : ["--fingerprint", fingerprint])], code));
  return code;
}

async function startSite(): Promise<KeyringSite> {
  const site = await KeyringSite.make(programs);
  await site.configure({
    keyring: { listen: `127.0.0.1:${site.port}` },
    more: { telemetry: { log: { level: "debug" } } },
  });
  await site.start();
  await waitFor("the TLS port", () => site.server.output.includes("The API over TLS is on"), { timeoutMs: 60_000 });
  await Deno.mkdir(join(site.folder, "in"));
  return site;
}

Deno.test("a value that is injected by pipe, file, prompt and TLS is nowhere until it is read", async () => {
  const begun = Date.now() - 1_000;
  await using site = await startSite();
  await using recorder = await Recorder.before(site.port);
  const code = await logIn(site, recorder);
  const watch = ProcessWatch.start(join(site.folder, "tmp"), join(site.folder, "home"), "/dev/shm");
  const value = draw();
  const outputs: Record<string, string> = {};
  const keep = (name: string, { stdout, stderr }: Ended) => void (outputs[name] = `${stdout}\0${stderr}`);

  keep("stdin", well(await site.clectl(["create", "in/stdin", "-f", "password", "--stdin"], value)));
  keep("tls", well(await site.person(["create", "in/tls", "-f", "password", "--stdin"], value)));
  const file = join(site.folder, "in/value");
  await Deno.writeTextFile(file, value);
  keep("file", well(await site.clectl(["create", "in/file", "-f", "password", "--file", file])));
  keep("bytes", well(await site.person(["create", "in/bytes", "-f", "password", "--file", file, "--kind", "bytes"])));
  await typed(site, value, outputs);
  keep("refused", await site.person(["create", "in/stdin", "-f", "password", "--stdin"], value));
  keep("stale", await site.person(["update", "in/stdin", "-f", "password", "--stdin", "--cas", "7"], value));
  keep("no path", await site.person(["create", "in/../x", "-f", "password", "--stdin"], value));
  const json = JSON.stringify({ password: value });
  keep("fields", well(await site.person(["create", "in/fields", "--fields", "--stdin"], json)));
  keep("list", well(await site.person(["list", "in/", "-o", "json"])));
  keep("history", well(await site.person(["history", "in/stdin", "-o", "json"])));
  keep("update", await site.person(["update", "in/stdin", "-f", "password", "--stdin"], `${value}2`));
  keep("difference", await site.person(["diff", "in/stdin", "--from", "1", "--to", "2", "-o", "json"]));

  const seen = await watch.seen();
  const creates = seen.filter(({ key, value }) => {
    return key.startsWith("cmdline") &&
      /\/modules\/clectl\/main\.js\0create\0in\//.test(new TextDecoder().decode(value));
  });
  ok(creates.length >= 5, `the watch has seen ${creates.length} of 8 injections`);
  const everywhere = [...seen, ...texts(outputs), ...recorder.recorded(), ...await placesOf(site, begun)];
  deepEqual(exposures(everywhere, value), []);
  deepEqual(exposures([...seen, ...recorder.recorded(), ...await placesOf(site, begun)], code), [], "the code");
  equal(outputs.refused?.includes("in/stdin"), true, outputs.refused);

  // The same search after a read.
  const read = well(await site.person(["get", "in/tls", "-f", "password", "-o", "raw", "--show"]));
  equal(read.stdout, value);
  const shown = well(await site.person(["get", "in/fields", "-o", "json", "--show"]));
  const encoded = well(await site.clectl(["get", "in/bytes", "-o", "json", "--show"]));
  const native = await site.call("GET", "/v1/secret/data/in/stdin?version=1");
  const forms = [read.stdout, shown.stdout, encoded.stdout, native.text].map((text) =>
    exposures(texts({ text }), value).map(({ form }) => form.split(" ")[0]).at(0)
  );
  deepEqual(forms, ["plain", "JSON", "base64", "JSON"]);
  deepEqual(exposures([...recorder.recorded(), ...await placesOf(site, begun)], value), [], "after the reads");
});

/** Types a value twice at the prompt of a terminal. */
async function typed(site: KeyringSite, value: string, outputs: Record<string, string>): Promise<void> {
  const words = [programs.clectl, "create", "in/typed", "-f", "password"];
  await using program = TypedProgram.start(words, site.clientEnvironment);
  await program.answer("Value of password in in/typed: ", value);
  await program.answer("The same again: ", value);
  const ended = await program.ended();
  equal(ended.code, 0, ended.output);
  match(ended.output, /in\/typed: version 1 created/);
  outputs["the terminal"] = ended.output;
}

Deno.test("a generated value is nowhere until it is read, and no answer to its making has it", async () => {
  const begun = Date.now() - 1_000;
  await using site = await startSite();
  await using recorder = await Recorder.before(site.port);
  await logIn(site, recorder);
  const watch = ProcessWatch.start(join(site.folder, "tmp"), join(site.folder, "home"), "/dev/shm");
  const kinds = [
    ["password", "--length", "32"],
    ["passphrase", "--words", "7"],
    ["bytes", "--length", "32", "--encoding", "hex"],
    ["ed25519", "--key-format", "pem"],
  ];
  const outputs: Record<string, string> = {};
  for (const [kind = "", ...more] of kinds) {
    const made = well(await site.person(["generate", `gen/${kind}`, "-f", "v", "--type", kind, ...more, "-o", "json"]));
    deepEqual(Object.keys(JSON.parse(made.stdout)).sort(), ["fingerprint", "path", "version"]);
    outputs[kind] = `${made.stdout}\0${made.stderr}`;
  }
  const spec = { kind: "uuid" };
  const answer = await site.call("POST", "/api/v1/generate/gen/uuid", { field: "v", generator: spec });
  equal(answer.status, 201, answer.text);
  outputs.uuid = answer.text;
  outputs.history = (await site.call("GET", "/api/v1/history/gen/password")).text;
  outputs.list = (await site.call("GET", "/api/v1/list/gen/")).text;
  const places = [
    ...await watch.seen(),
    ...texts(outputs),
    ...recorder.recorded(),
    ...await placesOf(site, begun),
  ];
  const values: string[] = [];
  for (const kind of ["password", "passphrase", "bytes", "ed25519", "uuid"]) {
    const value = well(await site.person(["get", `gen/${kind}`, "-f", "v", "-o", "raw", "--show"])).stdout;
    ok(value.length >= 32, kind);
    // Of a PEM document, its base64 alone.
    const searched = kind === "ed25519" ? value.split("\n")[1] ?? "" : value;
    deepEqual(exposures(places, searched), [], kind);
    const got = await site.call("GET", `/api/v1/secrets/gen/${kind}`);
    ok(exposures(texts({ got: got.text }), searched).length > 0, "the search finds it in the answer to a read");
    values.push(searched);
  }
  const left = [...recorder.recorded(), ...await placesOf(site, begun)];
  for (const value of values) deepEqual(exposures(left, value), [], "once read");
});

Deno.test("the search finds a value in arguments, environments, files for temporary data and on a wire", async () => {
  const value = draw();
  const folder = await Deno.makeTempDir();
  const server = createServer((socket) => void socket.on("error", () => {}).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await using recorder = await Recorder.before(typeof address === "object" ? address?.port ?? 0 : 0);
  try {
    const watch = ProcessWatch.start(folder);
    const program = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const sleeping = [
      new Deno.Command("sh", { ...program, args: ["-c", "sleep 600; true", value] }).spawn(),
      new Deno.Command("sleep", { ...program, args: ["600"], env: { VALUE: value } }).spawn(),
    ];
    await Deno.writeTextFile(join(folder, "short"), encodeURIComponent(value));
    // A scan of all processes takes some tens of milliseconds on a quiet machine.
    await pause(5_000);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: recorder.port });
    await connection.write(new TextEncoder().encode(`{"password":${JSON.stringify(value)}}`));
    await connection.read(new Uint8Array(64));
    connection.close();
    for (const child of sleeping) {
      child.kill("SIGKILL");
      await child.status;
    }
    const found = exposures([...await watch.seen(), ...recorder.recorded()], value);
    const places = new Set(found.map(({ place }) => place.replace(/ \d+$/, "")));
    deepEqual(
      [...places].sort(),
      [
        join(folder, "short"),
        "cmdline",
        "environ",
        "the wire from the client",
        "the wire from the server",
      ].sort(),
    );
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await Deno.remove(folder, { recursive: true });
  }
});
