/**
 * `trousseau serve` with few descriptors, all of them used by idle connections to its socket: it serves again soon after
 * they are free.
 *
 * @module
 */
import assert from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { mainFile, writeLocalConfig } from "../support/local_plugin.ts";
import { freePort, pause, Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** The limit of descriptors, and the number of connections of one client, which is higher. */
const descriptors = 96;
const connections = 120;

/** The process is required to serve again within 5 seconds; the wait allows for a busy machine. */
const soon = { timeoutMs: 20_000, everyMs: 50 };

async function status(path: string): Promise<string> {
  await using client = dialKms(path);
  return (await client.v2.Status({}, { signal: AbortSignal.timeout(5_000) })).healthz;
}

async function page(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return `${response.status} ${await response.text()}`;
}

Deno.test("serve accepts connections again after it ran out of descriptors, and logs that", async () => {
  await inFolder(async (folder) => {
    const port = freePort();
    const { config, socket } = await writeLocalConfig(folder, { telemetry: { listen: `127.0.0.1:${port}` } });
    const args = [`--nofile=${descriptors}:${descriptors}`, Deno.execPath(), "run", "--quiet", ...permissionFlags()];
    await using plugin = new Process({
      name: "trousseau",
      command: "prlimit",
      args: [...args, `--allow-write=${folder}`, mainFile, "serve", "--config", config],
      cwd: folder,
    });
    await waitFor("a first answer", async () => await status(socket) === "ok", { ...soon, alive: [plugin] });
    const idle: Deno.UnixConn[] = [];
    for (let at = 0; at < connections; at++) idle.push(await Deno.connect({ transport: "unix", path: socket }));
    await waitFor("a refused accept", () => plugin.output.includes("(EMFILE)"), { ...soon, alive: [plugin] });
    await pause(3_000);
    for (const connection of idle) connection.close();
    await waitFor("a fresh client to be served", async () => await status(socket) === "ok", {
      ...soon,
      alive: [plugin],
    });
    await waitFor("its own question to be answered", async () => {
      return (await page(port, "/metrics")).includes("\ntrousseau_socket_answering 1\n");
    }, soon);
    assert.equal(await page(port, "/livez"), "200 ok\n");
    assert.match(await page(port, "/metrics"), /^trousseau_socket_events_total\{action="accept_refused"\} [1-9]/m);
    assert.equal(plugin.output.split("(EMFILE)").length, 2, "it is told once a minute");
    assert.equal((await plugin.stop()).code, 0);
  });
});
