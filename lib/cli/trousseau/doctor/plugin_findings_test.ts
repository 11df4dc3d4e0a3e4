import { deepEqual } from "node:assert/strict";
import { fakeTerminal } from "../../../../tests/support/fake_terminal.ts";
import { PluginDouble } from "../../../../tests/support/plugin_double.ts";
import { TemporaryConfig } from "../../../../tests/support/temporary_config.ts";
import { loadConfig } from "../../../config/load.ts";
import { examinePlugin } from "./plugin_findings.ts";

const signal = new AbortController().signal;

/** The status of a plugin that is well. */
const well = {
  keyId: "t1-a",
  provisional: false,
  message: "",
  needed: 1,
  canEncrypt: true,
  quorum: { state: "held" },
  providers: [],
};

/** The findings about a plugin with this status on its page. */
async function examined(status: unknown): Promise<readonly string[]> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => Response.json(status));
  await using folder = await TemporaryConfig.make({
    telemetry: { listen: `127.0.0.1:${server.addr.port}`, audit: "off" },
  });
  const { environment, files } = fakeTerminal();
  const { findings } = await examinePlugin(await loadConfig(folder.file, environment, files), signal);
  return findings.map(({ id }) => id);
}

Deno.test("examinePlugin() reads the status page, and finds each fault in it", async () => {
  deepEqual(await examined(well), ["plugin-well"]);
  const lost = { state: "lost", since: 0, refused: false, message: "Away." };
  deepEqual(await examined({ ...well, quorum: lost }), ["plugin-unwell"]);
  deepEqual(await examined({ ...well, unreadable: "Stored data cannot be read." }), ["plugin-unwell"]);
  const full = { writable: false, since: 0, message: "The disk is full." };
  deepEqual(await examined({ ...well, stateFolder: full, keyId: null }), ["plugin-unwell", "plugin-unwell"]);
  deepEqual(await examined({ ...well, telemetry: "The audit file is full." }), ["plugin-well", "audit-fails"]);
});

Deno.test("examinePlugin() asks the socket if no Trousseau answers over HTTP", async () => {
  await using plugin = await PluginDouble.start();
  await using folder = await TemporaryConfig.make({ socket: { path: plugin.socket } });
  const { environment, files } = fakeTerminal();
  const config = await loadConfig(folder.file, environment, files);
  const { findings, status } = await examinePlugin(config, signal);
  deepEqual([findings.map(({ id }) => id), status], [["plugin-well"], undefined]);
});
