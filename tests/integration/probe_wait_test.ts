/**
 * `trousseau probe --wait` beside `serve` as processes, as systemd runs them: it ends when the main process has ended.
 *
 * @module
 */
import assert from "node:assert/strict";
import { sourceArguments, writeLocalConfig } from "../support/local_plugin.ts";
import { freePort, Process, waitFor } from "../support/processes.ts";
import { withoutHelp } from "../support/help_line.ts";
import { inFolder } from "../support/temporary_folder.ts";

const soon = { timeoutMs: 30_000, everyMs: 20 };

function start(folder: string, env: Record<string, string>, ...words: string[]): Process {
  const args = sourceArguments(folder, ...words);
  return new Process({ name: `trousseau ${words[0]}`, command: Deno.execPath(), args, cwd: folder, env });
}

/** As `ExecStartPost` of the unit. */
function startPost(folder: string, config: string, main: Process): Process {
  const wait = ["probe", "--wait", "--quiet", "--timeout", "60s", "--config", config];
  return start(folder, { MAINPID: String(main.pid) }, ...wait);
}

/** The configuration of a plugin whose `healthz` is not `ok`, because its KMS cannot be reached. */
async function unwellConfig(folder: string): Promise<string> {
  const address = `http://127.0.0.1:${freePort()}`;
  await Deno.writeTextFile(`${folder}/token`, "t", { mode: 0o600 });
  const auth = { method: "token", token: { file: `${folder}/token` } };
  const providers = [{ name: "vault", kind: "vault-transit", address, key: "kubernetes", auth }];
  return (await writeLocalConfig(folder, { providers })).config;
}

Deno.test("probe --wait ends soon after a start that failed, and prints nothing with --quiet", async () => {
  await inFolder(async (folder) => {
    const { config } = await writeLocalConfig(folder);
    await Deno.mkdir(`${folder}/state`);
    await Deno.writeTextFile(`${folder}/state/key-ring.json`, "damaged");
    const main = start(folder, {}, "serve", "--config", config);
    const post = startPost(folder, config, main);
    assert.equal((await main.exited).code, 78);
    const ended = performance.now();
    assert.equal((await post.exited).code, 69);
    // A second where it has seen the lock; five where a busy machine has started it after the lock was free again.
    assert.ok(performance.now() - ended < 4 * 5_000, `${performance.now() - ended} ms`);
    assert.equal(post.output, "");
    // The start itself says why it failed, and nothing else.
    assert.match(withoutHelp(main.output), /^Cannot use the key IDs of this node in .*\n$/);
  });
});

Deno.test("probe --wait continues while the main process runs, and ends when it is killed", async () => {
  await inFolder(async (folder) => {
    const config = await unwellConfig(folder);
    const main = start(folder, {}, "serve", "--config", config);
    // A busy machine may take longer for this than the five seconds in which the lock has to be taken.
    await waitFor("it to serve", () => main.output.includes("Serving on"), { ...soon, alive: [main] });
    const post = startPost(folder, config, main);
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    assert.equal(post.status, undefined, post.output);
    await main.kill();
    const ended = performance.now();
    assert.equal((await post.exited).code, 69);
    // As above: a busy machine may have started it so late that it has not seen the lock.
    assert.ok(performance.now() - ended < 4 * 5_000, `${performance.now() - ended} ms`);
  });
});

Deno.test("probe --wait on the command line waits for a plugin that has not started", async () => {
  await inFolder(async (folder) => {
    const { config } = await writeLocalConfig(folder);
    await using waiting = start(folder, {}, "probe", "--wait", "--timeout", "60s", "--config", config);
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    assert.equal(waiting.status, undefined, waiting.output);
    await using _main = start(folder, {}, "serve", "--config", config);
    assert.equal((await waiting.exited).code, 0, waiting.output);
  });
});
