/**
 * `trousseau keyring serve` without a configuration: a store and a local key of its own, and the commands that it prints.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { runClectl } from "../support/clectl_terminal.ts";
import { mainFile } from "../support/local_plugin.ts";
import { Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const packages = new URL("../../deno.keyring.json", import.meta.url).pathname;

Deno.test("without a configuration a keyring starts with a store and a key of its own, and what it prints logs in", () =>
  inFolder(async (folder) => {
    const args = ["run", "--quiet", "--config", packages, ...permissionFlags(), "--allow-write=run"];
    await using server = new Process({
      name: "keyring",
      command: Deno.execPath(),
      args: [...args, mainFile, "keyring", "serve"],
      cwd: folder,
    });
    const soon = { timeoutMs: 60_000, alive: [server] };
    await waitFor("the first commands", () => /^# Without a configuration the store is /m.test(server.output), soon);
    const place = await Deno.realPath(folder);
    const [, state = ""] = /^# Without a configuration the store is (\S+)\/store\.$/m.exec(server.output) ?? [];
    equal(state, `${place}/run/keyring`);
    match(server.output, /^# Every key of this keyring lies in a file on this machine\./m);
    const [, address = ""] = /^export CLECTL_ADDRESS=(\S+)$/m.exec(server.output) ?? [];
    const commands = [...server.output.matchAll(/^dist\/stage\/clectl (.+)$/gm)].map(([, words = ""]) => words);
    deepEqual(commands, ["health", "generate db/prod/app --field password --length 32", "list"]);
    const variables = { CLECTL_ADDRESS: address };
    await waitFor("an open store", async () => (await runClectl(["health"], { variables })).status === 0, soon);
    let out = "";
    for (const command of commands) {
      const ended = await runClectl(command.split(" "), { variables });
      equal(ended.status, 0, `${command}: ${ended.err}`);
      out = ended.out;
    }
    match(out, /^db\/$/m);
    for (const name of ["store/keyring.db", "local.keys", "audit.jsonl"]) {
      ok(((await Deno.stat(`${state}/${name}`)).mode ?? 0) % 0o100 === 0, `${name} is for its user alone`);
    }
    equal((await server.stop()).code, 0);
  }));
