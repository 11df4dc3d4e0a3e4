/**
 * `trousseau sops` as a process: beside the plugin with the same configuration, on a workstation, and in a takeover.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { parse } from "yaml";
import { dialKms } from "../../lib/api/kms/client.ts";
import { dialSops } from "../../lib/api/sops/client.ts";
import { keyUri, vaultKeyOf } from "../../lib/services/sops/key_uri.ts";
import { sourceArguments } from "../support/local_plugin.ts";
import { freePort, Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { startTransitServer } from "../support/transit_server.ts";

const call = { signal: new AbortController().signal };
const soon = { timeoutMs: 30_000, everyMs: 10 };
const key = { vault_key: vaultKeyOf("default") };

function start(folder: string, ...words: string[]): Process {
  const args = sourceArguments(folder, ...words);
  const env = { XDG_RUNTIME_DIR: folder, STATE_DIRECTORY: `${folder}/state` };
  return new Process({ name: `trousseau ${words[0]}`, command: Deno.execPath(), args, cwd: folder, env });
}

async function configIn(folder: string, sops: unknown = {}, name = "trousseau"): Promise<string> {
  const file = `${folder}/${name}.yaml`;
  const content = {
    socket: { path: `${folder}/kms.sock` },
    state: `${folder}/state`,
    telemetry: { listen: `127.0.0.1:${freePort()}` },
    sops,
    providers: [{ name: "local", kind: "local", keyFile: `${folder}/${name}.keys`, create: true }],
  };
  await Deno.writeTextFile(file, JSON.stringify(content));
  return file;
}

async function listening(path: string, process: Process): Promise<void> {
  const connect = () => Deno.connect({ transport: "unix", path }).then((connection) => (connection.close(), true));
  await waitFor(`somebody on ${path}`, connect, { ...soon, alive: [process] });
}

async function roundTrip(path: string): Promise<void> {
  await using client = dialSops(path);
  const plaintext = new Uint8Array(randomBytes(32));
  const { ciphertext } = await client.sops.Encrypt({ key, plaintext }, call);
  const opened = await client.sops.Decrypt({ key, ciphertext }, call);
  assert.deepEqual(new Uint8Array(opened.plaintext), plaintext);
}

Deno.test("sops without a configuration serves in the user's runtime folder, prints .sops.yaml, and ends with 0 at SIGTERM", async () => {
  await inFolder(async (folder) => {
    await using process = start(folder, "sops");
    const path = `${folder}/trousseau/sops.sock`;
    await waitFor("its introduction", () => process.output.includes("creation_rules"), { ...soon, alive: [process] });
    const from = process.output.indexOf("# Encrypt and decrypt");
    const printed = process.output.slice(from).split("\n").filter((text) => /^(#| {2}|creation)/.test(text)).join("\n");
    assert.deepEqual(parse(printed), { creation_rules: [{ hc_vault_transit_uri: keyUri("default") }] });
    assert.ok(printed.includes(`--enable-local-keyservice=false --keyservice unix://${path} `), printed);
    assert.match(printed, /files in a repository outlive machines/);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    await roundTrip(path);
    assert.equal((await process.stop()).code, 0);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  });
});

Deno.test("sops with a configuration runs beside the plugin, each with its own socket, and leaves its state alone", async () => {
  await inFolder(async (folder) => {
    const port = freePort();
    const config = await configIn(folder, { listen: `127.0.0.1:${port}`, audit: `${folder}/sops-audit.log` });
    await using plugin = start(folder, "serve", "--config", config);
    await listening(`${folder}/kms.sock`, plugin);
    await waitFor("the plugin's state", async () => {
      return JSON.parse(await Deno.readTextFile(`${folder}/state/key-ring.json`)).history.length === 1;
    }, soon);
    const state = await Deno.readTextFile(`${folder}/state/key-ring.json`);
    const sentinels = await Deno.readTextFile(`${folder}/state/sentinels.json`);
    await using sops = start(folder, "sops", "--config", config);
    const path = `${folder}/sops.sock`;
    await listening(path, sops);
    await roundTrip(path);

    await using kms = dialKms(`${folder}/kms.sock`);
    assert.equal((await kms.v2.Status({}, call)).healthz, "ok");
    assert.equal(await Deno.readTextFile(`${folder}/state/key-ring.json`), state);
    assert.equal(await Deno.readTextFile(`${folder}/state/sentinels.json`), sentinels);
    const names = [...Deno.readDirSync(`${folder}/state`)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["key-ring.json", "local-keys.json", "sentinels.json"]);

    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    assert.deepEqual([ready.status, (await ready.text()).split("\n")[0]], [200, "ready"]);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const operation of ["encrypt", "decrypt"]) {
      assert.ok(metrics.includes(`_count{api="sops",operation="${operation}",result="ok"} 1`), metrics);
    }
    assert.match(metrics, /^trousseau_can_encrypt 1$/m);
    assert.doesNotMatch(metrics, /trousseau_ready_dek_wrapped\{/);
    assert.equal((await sops.stop()).code, 0);
    const lines = (await Deno.readTextFile(`${folder}/sops-audit.log`)).trimEnd().split("\n").map((one) =>
      JSON.parse(one)
    );
    assert.deepEqual(
      lines.map(({ operation, api, keyId, result, providers: [{ name }] }) => [operation, api, keyId, result, name]),
      [["encrypt", "sops", "default", "ok", "local"], ["decrypt", "sops", "default", "ok", "local"]],
    );
    assert.doesNotMatch(sops.output, /creation_rules/, "a service manager gets no YAML");
    assert.ok(sops.output.includes(`Serving ${keyUri("default")} on unix://${path}.`));
  });
});

Deno.test("sops ends with 78 while another one serves, and takes over from one that can decrypt its data", async () => {
  await inFolder(async (folder) => {
    const config = await configIn(folder);
    const path = `${folder}/sops.sock`;
    await using first = start(folder, "sops", "--config", config);
    await listening(path, first);
    await using second = start(folder, "sops", "--config", config);
    assert.equal((await second.exited).code, 78);
    assert.match(second.output, /another process serves there; stop it, or start with --takeover\./);

    const stranger = await configIn(folder, {}, "stranger");
    await using third = start(folder, "sops", "--takeover", "--config", stranger);
    assert.equal((await third.exited).code, 78);
    assert.match(third.output, /does not open what this one encrypts with the key "default"\./);
    await roundTrip(path);

    await using fourth = start(folder, "sops", "--takeover", "--config", config);
    assert.equal((await first.exited).code, 0);
    await roundTrip(path);
    assert.equal((await fourth.stop()).code, 0);
  });
});

Deno.test("sops that was killed starts again over its stale socket", async () => {
  await inFolder(async (folder) => {
    const config = await configIn(folder);
    await using killed = start(folder, "sops", "--config", config);
    await listening(`${folder}/sops.sock`, killed);
    await killed.kill();
    await using again = start(folder, "sops", "--config", config);
    await listening(`${folder}/sops.sock`, again);
    await roundTrip(`${folder}/sops.sock`);
  });
});

Deno.test("sops starts while its KMS is down, prints the reason, and recovers by itself", async () => {
  await inFolder(async (folder) => {
    await using server = await startTransitServer();
    server.transit.create("kubernetes");
    server.fault = { kind: "status", status: 503, why: "Vault is sealed" };
    await Deno.writeTextFile(`${folder}/token`, server.token, { mode: 0o600 });
    const file = `${folder}/trousseau.yaml`;
    const port = freePort();
    const content = {
      telemetry: { listen: "off" },
      probe: { interval: "1s" },
      sops: { socket: { path: `${folder}/sops.sock` }, listen: `127.0.0.1:${port}` },
      providers: [{
        name: "vault",
        kind: "vault-transit",
        address: server.address,
        key: "kubernetes",
        auth: { method: "token", token: { file: `${folder}/token` } },
      }],
    };
    await Deno.writeTextFile(file, JSON.stringify(content));
    await using process = start(folder, "sops", "--config", file);
    const path = `${folder}/sops.sock`;
    await listening(path, process);
    await using client = dialSops(path);
    const plaintext = new Uint8Array(randomBytes(32));
    await assert.rejects(client.sops.Encrypt({ key, plaintext }, call), { code: "unreachable", message: /sealed/ });
    const readyz = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
    assert.match(await readyz(), /^not ready: .*sealed/);

    server.fault = undefined;
    await waitFor("recovery without a call", async () => (await readyz()).startsWith("ready"), soon);
    await roundTrip(path);
    assert.equal((await process.stop()).code, 0);
  });
});

Deno.test("sops serves while another program uses the port of sops.listen, and warns of it", async () => {
  await inFolder(async (folder) => {
    using holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = holder.addr;
    await using sops = start(folder, "sops", "--config", await configIn(folder, { listen: `127.0.0.1:${port}` }));
    const path = `${folder}/sops.sock`;
    await listening(path, sops);
    await roundTrip(path);
    await sops.prints(new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port} \\(sops\\.listen\\)`));
    assert.equal((await sops.stop()).code, 0);
  });
});
