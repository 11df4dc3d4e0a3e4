/**
 * The first commands in a clone: `deno task start`, and in another terminal `deno task trousseau probe`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Copies the files that the plugin needs, without those of tests. */
async function clone(to: string): Promise<void> {
  for (const part of ["deno.json", "deno.lock", "deno.keyring.json", "deno.keyring.lock", "main.ts", "lib", "proto"]) {
    await cp(join(root, part), join(to, part), { recursive: true });
  }
}

const soon = { timeoutMs: 60_000, everyMs: 20 };
const cache = Deno.env.get("DENO_DIR");
const environment = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...(cache === undefined ? {} : { DENO_DIR: cache }) };

Deno.test("the task start names the command for the clone that connects to its socket", async () => {
  await inFolder(async (folder) => {
    await clone(folder);
    const start = { name: "deno task start", command: Deno.execPath(), args: ["task", "start"], cwd: folder };
    await using plugin = new Process({ ...start, env: environment });
    await waitFor("its introduction", () => plugin.output.includes("identity: {}"), { ...soon, alive: [plugin] });
    const [, command = ""] = /^# Speak to it in another terminal, in this folder: deno (.*)$/m.exec(plugin.output) ??
      [];
    assert.equal(command, "task trousseau probe");
    const { code, stdout, stderr } = await run(Deno.execPath(), command.split(" "), { cwd: folder, env: environment });
    assert.equal(code, 0, stdout + stderr);
    assert.ok(stdout.includes(`unix://${await Deno.realPath(folder)}/run/kms.sock`), stdout);
  });
});
