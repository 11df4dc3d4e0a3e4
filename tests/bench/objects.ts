/**
 * 3,000 objects under v1beta1: written, then read in sequence by a new client through a new plugin process.
 *
 * @module
 */
import { join } from "node:path";
import { type Bench, vaultAt } from "./bench.ts";
import { bareServer, type Contestant, counter, plugin, start } from "./contestants.ts";
import type { Driver } from "./driver.ts";
import { peer } from "./peer.ts";
import { median } from "./process_figures.ts";
import { number, printTable, ratio, type Target } from "./report.ts";

const objects = 3000;

interface Round {
  readonly write: number;
  readonly read: number;
  readonly unwraps: number | undefined;
}

/** Measures and prints the table. @returns the targets. */
export async function measureObjects(bench: Bench): Promise<Target[]> {
  const { launchers, folder } = bench;
  const near = vaultAt(bench, 5);
  const contestants = [
    bareServer(launchers, folder),
    await plugin(launchers, folder, "objects local"),
    await plugin(launchers, folder, "objects vault 5 ms", { vault: near }),
  ];
  if (bench.peer !== undefined) contestants.push(await peer(bench.peer, bench, 5));
  const results = new Map<Contestant, Round[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round < bench.rounds; round++) {
    for (const [contestant, list] of results) {
      // The peer takes minutes, and its figures are far from any bound.
      if (round === 0 || !contestant.name.startsWith("peer")) list.push(await writeAndRead(bench, contestant));
    }
  }
  const rows = [...results].map(([{ name }, list]) => ({
    name,
    write: median(list.map(({ write }) => write)),
    read: median(list.map(({ read }) => read)),
    unwraps: list[0]?.unwraps,
  }));
  const [bare] = rows;
  if (bare === undefined) throw new Error("Cannot compare: nothing was measured.");
  await printTable(
    `${objects} objects under v1beta1, one after the other`,
    ["server", "write s", "to bare", "read s", "to bare", "unwraps"],
    rows.map(({ name, write, read, unwraps }) => [
      name,
      number(write),
      ratio(write / bare.write),
      number(read),
      ratio(read / bare.read),
      unwraps === undefined ? "-" : String(unwraps),
    ]),
  );
  const ours = rows.find(({ name }) => name === "objects vault 5 ms") ?? bare;
  const target = (verb: "write" | "read"): Target => ({
    what: `${objects} objects at 5 ms: ${verb} to bare`,
    figure: ours[verb] / bare[verb],
    unit: "x",
    bound: { atMost: 1.5 },
  });
  return [target("write"), target("read")];
}

async function writeAndRead({ driver, folder }: Bench, contestant: Contestant): Promise<Round> {
  const file = join(folder, `${contestant.name.replaceAll(" ", "-")}.objects`);
  const write = await freshly(
    driver,
    contestant,
    () => driver.call("write", contestant.socket, { calls: objects, file }),
  );
  return await freshly(driver, contestant, async () => {
    const read = await driver.call("read", contestant.socket, { file });
    const unwraps = await counter(contestant, "trousseau_provider_call_duration_seconds_count", /verb="unwrap"/);
    return { write: write.seconds, read: read.seconds, unwraps };
  });
}

async function freshly<Result>(driver: Driver, contestant: Contestant, work: () => Promise<Result>): Promise<Result> {
  await using _running = await start(driver, contestant);
  return await work();
}
