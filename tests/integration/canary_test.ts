/**
 * Searches every output at every level for known secrets: logs, audit, metrics, HTTP, traces, errors and the commands of
 * an operator.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { fromBase64, utf8 } from "../../lib/base/bytes.ts";
import { untaggedDek } from "../../lib/envelope/seal.ts";
import { KmsError } from "../../lib/base/errors.ts";
import { dialKms, type KmsClient } from "../../lib/api/kms/client.ts";
import { dialSops, type SopsClient } from "../../lib/api/sops/client.ts";
import { vaultKeyOf } from "../../lib/services/sops/key_uri.ts";
import { freePort, pause, Process, run, waitFor } from "../support/processes.ts";
import { startTransitServer, type TransitFault, type TransitServer } from "../support/transit_server.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
const call = { signal: new AbortController().signal };

/** The secrets that must not appear, by name, in every encoding that an output could use. */
class Canaries {
  readonly #spellings = new Map<string, string>();

  add(name: string, bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes);
    const spellings = [
      buffer.toString("base64"),
      buffer.toString("base64url"),
      bytes.toHex(),
      buffer.join(","),
      buffer.toString("latin1"),
    ];
    // The base64 of bytes depends on their offset modulo 3: three variants cover all offsets.
    for (const shift of [1, 2]) {
      spellings.push(Buffer.concat([new Uint8Array(shift), buffer]).toString("base64").slice(4, -4));
    }
    for (const spelling of spellings) this.#spellings.set(spelling, name);
  }

  check(where: string, output: string): void {
    for (const [spelling, name] of this.#spellings) {
      assert.ok(!output.includes(spelling), `${name} stands in ${where}`);
      assert.ok(!output.toLowerCase().includes(spelling.toLowerCase()) || spelling.length < 12, `${name} in ${where}`);
    }
  }

  get count(): number {
    return new Set(this.#spellings.values()).size;
  }
}

/** Records every token and data key in the answers of the double. */
function overhear(server: TransitServer, canaries: Canaries): void {
  const double = server as unknown as { answer(...words: unknown[]): { body?: { auth?: { client_token?: string } } } };
  const answer = double.answer.bind(double);
  double.answer = (...words) => {
    const answered = answer(...words);
    const token = answered.body?.auth?.client_token;
    if (token !== undefined) canaries.add(`token ${token.slice(0, 6)}`, utf8(token));
    for (const text of JSON.stringify([words, answered]).matchAll(/"plaintext":"([^"]+)"/g)) {
      const wrapped = fromBase64(text[1] ?? "") ?? new Uint8Array(0);
      const dek = untaggedDek(wrapped, "v2") ?? untaggedDek(wrapped, "sops");
      if (dek) canaries.add(untaggedDek(wrapped, "sops") ? "file's data key" : "data key", dek);
    }
    return answered;
  };
}

/** A collector of traces that answers 401 now and then. Disposing of it ends it. */
function traceCollector(token: string) {
  const bodies: string[] = [];
  const served = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    assert.equal(request.headers.get("authorization"), token);
    bodies.push(await request.text());
    return bodies.length % 3 === 2 ? new Response(token, { status: 401 }) : Response.json({});
  });
  return { bodies, port: served.addr.port, [Symbol.asyncDispose]: () => served.shutdown() };
}

interface Ports {
  readonly plugin: number;
  readonly sops: number;
  readonly traces: number;
}

async function configIn(folder: string, server: TransitServer, ports: Ports): Promise<string> {
  const file = `${folder}/trousseau.yaml`;
  await Deno.writeTextFile(`${folder}/secret-id`, server.secretId, { mode: 0o600 });
  await Deno.writeTextFile(
    file,
    `socket: { path: ${folder}/kms.sock }
state: ${folder}/state
wrap: any
cache: { maxAge: 1ms, graceOnOutage: 0s }
probe: { interval: 1s }
telemetry:
  listen: "127.0.0.1:${ports.plugin}"
  log: { level: debug, format: json }
  audit: stdout
  traces:
    endpoint: "http://127.0.0.1:${ports.traces}"
    headers: [{ name: authorization, value: { file: ${folder}/collector-token } }]
sops: { listen: "127.0.0.1:${ports.sops}", keys: [{ name: default }] }
providers:
  - name: vault
    kind: vault-transit
    address: ${server.address}
    key: kubernetes
    auth: { method: approle, roleId: { file: ${folder}/role-id }, secretId: { file: ${folder}/secret-id } }
  - { name: local, kind: local, keyFile: ${folder}/local.keys, create: true }
`,
  );
  await Deno.writeTextFile(`${folder}/role-id`, server.roleId);
  return file;
}

const faults: readonly (TransitFault | undefined)[] = [
  undefined,
  { kind: "denied" },
  { kind: "refused_login" },
  { kind: "half" },
  { kind: "garbage", text: "not JSON" },
  { kind: "status", status: 503, why: "Vault is sealed" },
  undefined,
];

/** Makes valid and invalid requests. Every part of the answers except the plaintext is an output. */
async function exercise(client: KmsClient, seed: Uint8Array): Promise<string> {
  const said: unknown[] = [];
  const attempt = async (work: Promise<unknown>) => said.push(await work.catch((thrown: unknown) => describe(thrown)));
  await attempt(client.v2.Status({}, call));
  const sealed = await client.v2.Encrypt({ plaintext: seed, uid: "canary" }, call);
  const old = await client.v1beta1.Encrypt({ version: "v1beta1", plain: seed }, call);
  said.push(JSON.stringify(sealed), JSON.stringify(old));
  const opened = await client.v2.Decrypt({ ...sealed, uid: "canary" }, call).catch(describe);
  if (typeof opened !== "string") assert.deepEqual(new Uint8Array(opened.plaintext), seed);
  await attempt(client.v2.Encrypt({ plaintext: new Uint8Array(2_000).fill(7), uid: "canary" }, call));
  await attempt(client.v2.Decrypt({ ...sealed, ciphertext: seed, uid: "canary" }, call));
  await attempt(
    client.v2.Decrypt({ ...sealed, annotations: { "vault.wrap.trousseau.io": seed }, uid: "canary" }, call),
  );
  await attempt(client.v1beta1.Decrypt({ version: "v1beta1", cipher: seed }, call));
  return said.map((one) => typeof one === "string" ? one : JSON.stringify(one)).join("\n");
}

/** The same for the key service. The data key is a secret like the seed. */
async function exerciseSops({ sops }: SopsClient, dataKey: Uint8Array): Promise<string> {
  const key = { vault_key: vaultKeyOf("default") };
  const said: string[] = [];
  const attempt = async (work: Promise<unknown>) =>
    said.push(await work.then((value) => JSON.stringify(value), (thrown: unknown) => describe(thrown)));
  const { ciphertext } = await sops.Encrypt({ key, plaintext: dataKey }, call);
  said.push(Buffer.from(ciphertext).toString());
  const opened = await sops.Decrypt({ key, ciphertext }, call).catch(describe);
  if (typeof opened !== "string") assert.deepEqual(new Uint8Array(opened.plaintext), dataKey);
  await attempt(sops.Encrypt({ key, plaintext: new Uint8Array([...dataKey, ...dataKey, ...dataKey]) }, call));
  await attempt(sops.Encrypt({ key: { age_key: { recipient: "age1" } }, plaintext: dataKey }, call));
  await attempt(sops.Encrypt({ key: { vault_key: vaultKeyOf("another") }, plaintext: dataKey }, call));
  await attempt(sops.Decrypt({ key, ciphertext: dataKey }, call));
  await attempt(sops.Decrypt({ key, ciphertext: ciphertext.slice(0, -8) }, call));
  return said.join("\n");
}

function describe(thrown: unknown): string {
  assert.ok(thrown instanceof KmsError);
  return `${thrown.code} ${thrown.message} ${String(thrown.cause)}`;
}

Deno.test("no plaintext, token or key byte reaches any output at any level", async () => {
  const folder = await Deno.makeTempDir();
  const canaries = new Canaries();
  const seed = new Uint8Array(randomBytes(32));
  canaries.add("plaintext", seed);
  await using server = await startTransitServer();
  server.transit.create("kubernetes");
  overhear(server, canaries);
  canaries.add("secret ID", utf8(server.secretId));
  const dataKey = new Uint8Array(randomBytes(32));
  canaries.add("a file's data key from sops", dataKey);
  const [port, sopsPort] = [freePort(), freePort()];
  const token = `Bearer ${crypto.randomUUID()}`;
  canaries.add("collector's token", utf8(token));
  await Deno.writeTextFile(`${folder}/collector-token`, token, { mode: 0o600 });
  await using collector = traceCollector(token);
  const file = await configIn(folder, server, { plugin: port, sops: sopsPort, traces: collector.port });
  const flags = ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder}`, main];
  const outputs = new Map<string, string>();
  {
    await using plugin = new Process({
      name: "trousseau",
      command: Deno.execPath(),
      args: [...flags, "serve", "--config", file],
    });
    await using sops = new Process({
      name: "trousseau sops",
      command: Deno.execPath(),
      args: [...flags, "sops", "--config", file],
    });
    const alive = { timeoutMs: 40_000, alive: [plugin, sops] };
    for (const name of ["kms", "sops"]) {
      await waitFor(`the socket ${name}`, async () => (await Deno.stat(`${folder}/${name}.sock`)).isSocket, alive);
    }
    await using client = dialKms(`${folder}/kms.sock`);
    await using sopsClient = dialSops(`${folder}/sops.sock`);
    await waitFor("a key ID", () => client.v2.Status({}, call).then(({ key_id }) => key_id !== "", () => false), alive);
    const keys = JSON.parse(await Deno.readTextFile(`${folder}/local.keys`));
    for (const { key } of keys.keys) {
      const bytes = fromBase64(key);
      assert.equal(bytes?.length, 32);
      if (bytes) canaries.add("local key", bytes);
    }
    for (const [i, fault] of faults.entries()) {
      server.fault = fault;
      outputs.set(`answers under fault ${i}`, await exercise(client, seed));
      outputs.set(`answers to sops under fault ${i}`, await exerciseSops(sopsClient, dataKey));
      await pause(1_200);
    }
    for (const path of ["livez", "readyz", "readyz?format=json", "status", "metrics"]) {
      outputs.set(path, await (await fetch(`http://127.0.0.1:${port}/${path}`)).text());
      outputs.set(`${path} of sops`, await (await fetch(`http://127.0.0.1:${sopsPort}/${path}`)).text());
    }
    for (const words of [["check"], ["check", "--json"], ["status"], ["status", "--json"], ["keys", "--json"]]) {
      const { stdout, stderr } = await run(Deno.execPath(), [...flags, ...words, "--config", file]);
      outputs.set(words.join(" "), stdout + stderr);
    }
    await plugin.stop();
    outputs.set("logs and audit", plugin.output);
    await sops.stop();
    outputs.set("logs and audit of sops", sops.output);
  }
  outputs.set("traces", collector.bodies.join("\n"));
  assert.match(outputs.get("traces") ?? "", /"unwrap vault"/);
  outputs.set("the state folder", await Deno.readTextFile(`${folder}/state/key-ring.json`));
  assert.ok(canaries.count >= 6, `only ${canaries.count} kinds of canaries were seen`);
  for (const what of [/"level":"debug"/, /"operation":"decrypt"/, /"result":"integrity"/]) {
    assert.match(outputs.get("logs and audit") ?? "", what);
    assert.match(outputs.get("logs and audit of sops") ?? "", what);
  }
  for (const [where, output] of outputs) {
    assert.notEqual(output, "", where);
    canaries.check(where, output);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Canaries.check() finds a canary in every encoding", () => {
  const canaries = new Canaries();
  const bytes = new Uint8Array(randomBytes(32));
  canaries.add("x", bytes);
  const buffer = Buffer.from(bytes);
  for (
    const text of [
      buffer.toString("base64"),
      bytes.toHex().toUpperCase(),
      Buffer.concat([utf8("ab"), buffer, utf8("c")]).toString("base64"),
      JSON.stringify({ data: [...bytes] }),
    ]
  ) {
    assert.throws(() => canaries.check("here", `before ${text} after`), text);
  }
});
