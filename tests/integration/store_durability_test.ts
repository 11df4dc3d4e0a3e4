/**
 * A process that is killed while it writes: each row that it has acknowledged is there, nothing that it has refused, and no
 * half of a transaction. `TROUSSEAU_KILLS` is the number of kills, 20 if it is not set.
 *
 * @module
 */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/base/clock.ts";
import { openEmbeddedEngine } from "../../lib/services/keyring/engine/embedded_engine.ts";
import { pause, Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const kills = Number(Deno.env.get("TROUSSEAU_KILLS") ?? "20");
const writer = new URL("../support/store_writer.ts", import.meta.url).pathname;
const config = new URL("../../deno.dev.json", import.meta.url).pathname;
const { signal } = new AbortController();

/** Runs a writer for some random milliseconds. @returns the lines that it has printed whole. */
async function killedWriter(path: string, round: number): Promise<readonly string[]> {
  const permissions = [`--allow-read`, `--allow-write=${path.replace(/\/[^/]*$/, "")}`];
  const args = ["run", "--no-check", "--no-prompt", "--config", config, ...permissions, writer, path, `${round}`];
  const process = new Process({ name: "writer", command: Deno.execPath(), args });
  await waitFor("the store", () => process.output.includes("open\n"), {
    timeoutMs: 60_000,
    everyMs: 5,
    alive: [process],
  });
  await pause(Math.random() * 400);
  await process.kill();
  return process.output.split("\n").slice(0, -1).filter((line) => line !== "open");
}

Deno.test(`SIGKILL ${kills} times: the embedded engine keeps what it acknowledged, and nothing that it refused`, async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/store.db`;
    const committed = new Set<string>();
    const refused = new Set<string>();
    for (let round = 0; round < kills; round++) {
      for (const line of await killedWriter(path, round)) {
        const [outcome, name = ""] = line.split(" ");
        (outcome === "committed" ? committed : refused).add(name);
      }
    }
    await using engine = await openEmbeddedEngine({ path, clock: systemClock, create: false });
    const found = new Map<string, string[]>([["metadata", []], ["value", []]]);
    for await (const rows of engine.snapshot(signal)) {
      for (const { table, key, bytes } of rows) {
        const name = new TextDecoder().decode(key);
        assert.equal(new TextDecoder().decode(bytes), name.repeat(99));
        found.get(table)?.push(name);
      }
    }
    const names = new Set(found.get("metadata"));
    assert.deepEqual(found.get("value"), found.get("metadata"));
    assert.ok(committed.size > kills && refused.size > kills, "the writers got somewhere");
    assert.deepEqual([...committed].filter((name) => !names.has(name)), []);
    assert.deepEqual([...refused].filter((name) => names.has(name)), []);
    assert.ok(names.size < committed.size + kills * 8, "at most one transaction of each writer was not acknowledged");
    assert.deepEqual(engine.health(), { state: "ok" });
  });
});
