/**
 * SIGHUP to `serve` and `sops` as processes, with the permissions of the binary.
 *
 * @module
 */
import assert from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { mainFile, writeLocalConfig } from "../support/local_plugin.ts";
import { freePort, Process, waitFor } from "../support/processes.ts";
import { startTransitServer } from "../support/transit_server.ts";
import { inFolder } from "../support/temporary_folder.ts";

const soon = { timeoutMs: 30_000, everyMs: 20 };

function start(folder: string, config: string, command: string, env: Record<string, string> = {}): Process {
  const flags = ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder}`];
  const args = [...flags, mainFile, command, "--config", config];
  return new Process({ name: `trousseau ${command}`, command: Deno.execPath(), args, cwd: folder, env });
}

/** Sends SIGHUP and waits for the log line with the result. */
async function reload(process: Process): Promise<string> {
  const before = process.output.length;
  process.signal("SIGHUP");
  const { value } = await waitFor("the line of the reload", () => {
    return process.output.slice(before).split("\n").find((line) => line.includes(" the configuration again"));
  }, { ...soon, alive: [process] });
  return value;
}

async function livez(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/livez`);
  await response.body?.cancel();
  return response.status;
}

Deno.test("serve applies log level, telemetry.listen and credentials at SIGHUP, and names the fields that need a restart", async () => {
  await inFolder(async (folder) => {
    await using vault = await startTransitServer();
    vault.transit.create("kubernetes");
    const [first, second] = [freePort(), freePort()];
    const providers = [{
      name: "vault",
      kind: "vault-transit",
      address: vault.address,
      key: "kubernetes",
      auth: {
        method: "approle",
        roleId: { variable: "TROUSSEAU_SECRET_ROLE" },
        secretId: { file: `${folder}/secret` },
      },
    }];
    await Deno.writeTextFile(`${folder}/secret`, vault.secretId, { mode: 0o600 });
    const telemetry = (port: number, level: string) => ({ listen: `127.0.0.1:${port}`, log: { level } });
    const { config, socket } = await writeLocalConfig(folder, { providers, telemetry: telemetry(first, "info") });
    await using plugin = start(folder, config, "serve", { TROUSSEAU_SECRET_ROLE: vault.roleId });
    await waitFor("it to serve", async () => await livez(first) === 200, { ...soon, alive: [plugin] });
    await waitFor("a login", () => plugin.output.includes("Logged in"), soon);
    const logins = () => plugin.output.split("Logged in").length - 1;
    const before = logins();

    await writeLocalConfig(folder, { providers, telemetry: telemetry(second, "debug"), drain: "7s" });
    const said = await reload(plugin);
    assert.match(said, / INFO {2}Read the configuration again: credentials, telemetry\.log\.level, the address/);
    assert.match(said, /taken up by a restart only: drain\./);
    await waitFor("a login with credentials that were read again", () => logins() > before, soon);
    assert.equal(await livez(second), 200);
    await assert.rejects(fetch(`http://127.0.0.1:${first}/livez`));
    await waitFor("a line at debug", () => plugin.output.includes(" DEBUG "), soon);

    await Deno.writeTextFile(config, "providers:\n  - name: a\n    kind: lokal\n");
    assert.match(await reload(plugin), / WARN {2}Cannot read the configuration again.*trousseau\.yaml:3:5: providers/);
    await using client = dialKms(socket);
    const healthz = async () => (await client.v2.Status({}, { signal: AbortSignal.timeout(5_000) })).healthz;
    // On a busy machine the first data key is wrapped later than all of this.
    await waitFor("a good Status", async () => await healthz().catch(() => "") === "ok", soon);
    assert.equal((await plugin.stop()).code, 0);
    await assert.rejects(Deno.stat(socket), Deno.errors.NotFound);
  });
});

Deno.test("serve reports that a new variable in its configuration needs a restart", async () => {
  await inFolder(async (folder) => {
    const vault = (variable: string) => ({
      name: "vault",
      kind: "vault-transit",
      address: "http://127.0.0.1:1",
      key: "kubernetes",
      auth: { method: "token", token: { variable } },
    });
    const { config } = await writeLocalConfig(folder, { providers: [vault("TROUSSEAU_SECRET_A")] });
    await using plugin = start(folder, config, "serve", { TROUSSEAU_SECRET_A: "a", TROUSSEAU_SECRET_B: "b" });
    await waitFor("it to serve", () => plugin.output.includes("Serving on"), { ...soon, alive: [plugin] });
    assert.match(await reload(plugin), /Read the configuration again/);
    await writeLocalConfig(folder, { providers: [vault("TROUSSEAU_SECRET_B")] });
    assert.match(await reload(plugin), /token\.variable: the variable is new in the configuration, .* restart it/);
    assert.equal((await plugin.stop()).code, 0);
  });
});

Deno.test("sops continues at SIGHUP and applies its log level", async () => {
  await inFolder(async (folder) => {
    const place = { sops: { socket: { path: `${folder}/sops.sock` } } };
    const { config } = await writeLocalConfig(folder, place);
    await using server = start(folder, config, "sops");
    await waitFor("it to serve", () => server.output.includes("Serving "), { ...soon, alive: [server] });
    await writeLocalConfig(folder, { ...place, telemetry: { listen: "off", log: { level: "debug" } } });
    assert.match(await reload(server), /Read the configuration again: credentials, telemetry\.log\.level\./);
    assert.equal((await server.stop()).code, 0);
  });
});

Deno.test("probe --wait ends at SIGHUP", async () => {
  await inFolder(async (folder) => {
    const { config } = await writeLocalConfig(folder);
    await using probe = start(folder, config, "probe");
    await using waiting = new Process({
      name: "probe --wait",
      command: Deno.execPath(),
      args: [
        "run",
        "--quiet",
        ...permissionFlags(),
        mainFile,
        "probe",
        "--wait",
        "--socket",
        "/run/nonexistent/kms.sock",
      ],
    });
    assert.equal((await probe.exited).code, 69);
    await waitFor("it to be at its work", () => waiting.output.includes("Waiting for"), soon);
    waiting.signal("SIGHUP");
    assert.equal((await waiting.exited).code, 69);
  });
});

Deno.test("serve handles a SIGHUP during its start", async () => {
  await inFolder(async (folder) => {
    const { config, socket } = await writeLocalConfig(folder);
    await using plugin = start(folder, config, "serve");
    // When it takes the lock, it has read its configuration and does not serve yet.
    await waitFor("the lock", () => Deno.statSync(`${socket}.lock`).isFile, { timeoutMs: 30_000, everyMs: 1 });
    plugin.signal("SIGHUP");
    await waitFor("the line of the reload", () => plugin.output.includes("Read the configuration again"), soon);
    assert.equal((await plugin.stop()).code, 0);
  });
});
