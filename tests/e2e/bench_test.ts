/**
 * The comparison of the benchmark with small sizes, on the real programs: the plugin beside itself, the plugin on grpc-go
 * that does nothing, and the stand-in of another plugin.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { compare } from "../bench/against.ts";
import type { Sizes } from "../bench/comparison/comparison.ts";
import { parseDocument } from "../bench/comparison/document_schema.ts";
import { selectRows } from "../bench/comparison/rows.ts";
import { type Contestant, prepareVault, start } from "../bench/contestants.ts";
import { buildFloor, Driver } from "../bench/driver.ts";
import { peerStandIn } from "../bench/peer.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { startVault } from "../support/vault.ts";
import { Node, trousseauProgram } from "./harness/plugin.ts";

const sizes: Sizes = {
  timing: { seconds: 0.2, warmup: 0.05 },
  values: 40,
  calls: 200,
  settleMs: 0,
  afterMs: 0,
  laterMs: 0,
  runs: 1,
};

Deno.test("the plugin on grpc-go that does nothing answers Status, Encrypt and Decrypt", async () => {
  await inFolder(async (folder) => {
    const [driver, floor] = [await Driver.build(folder), await buildFloor(folder)];
    const socket = join(folder, "floor.sock");
    const contestant: Contestant = { name: "floor", socket, command: [floor, socket] };
    await using _running = await start(driver, contestant);
    for (const op of ["status", "encrypt", "decrypt", "mixed"] as const) {
      const { calls, failed } = await driver.call("load", socket, { op, calls: 100, "in-flight": 4 });
      assert.deepEqual({ calls, failed }, { calls: 100, failed: 0 }, op);
    }
  });
});

Deno.test("compare() has a row with its pair and all ratios for each selected name", async () => {
  await using stack = new AsyncDisposableStack();
  const { folder } = stack.use(await Node.make());
  const [driver, floor] = [await Driver.build(folder), await buildFloor(folder)];
  const program = await trousseauProgram();
  const vault = stack.use(await startVault({ latencyMs: 5 }));
  await prepareVault(vault);
  const words = [
    "encrypt-16",
    "decrypt-cached-1",
    "decrypt-uncached-16",
    "idle-rss-local",
    "rss-after",
    "exec-to-status",
  ];
  const document = await compare(
    {
      driver,
      floor,
      launchers: { ours: program, base: program },
      vault,
      peer: peerStandIn,
      folder,
      audits: folder,
      pairs: 1,
      sizes,
    },
    "HEAD",
    selectRows(words),
    () => {},
  );
  parseDocument(JSON.stringify(document));
  assert.deepEqual(document.rows.filter(({ failure }) => failure !== undefined), []);
  const names = document.rows.map(({ name }) => name);
  assert.deepEqual(new Set(names), selectRows(words));
  const ratios = new Map(document.rows.map((row) => [row.name, Object.keys(row.ratios)]));
  assert.ok(
    ["cpuToFloor", "rateToFloor", "p50ToFloor", "toBase"].every((one) => ratios.get("encrypt-16")?.includes(one)),
  );
  assert.ok(["cpuToPeer", "rateToPeer", "toBase"].every((one) => ratios.get("decrypt-uncached-16")?.includes(one)));
  for (const row of document.rows) assert.ok("toBase" in row.ratios, row.name);
});
