/**
 * The time from exec to the first successful Status.
 *
 * @module
 */
import { type Bench, vaultAt } from "./bench.ts";
import { bareServer, plugin } from "./contestants.ts";
import { median } from "./process_figures.ts";
import { number, printTable, type Target } from "./report.ts";

const starts = 7;

/** Measures and prints the table. @returns the targets. */
export async function measureStartup(bench: Bench): Promise<Target[]> {
  const { launchers, folder, driver } = bench;
  const contestants = [
    bareServer(launchers, folder),
    await plugin(launchers, folder, "start local"),
    await plugin(launchers, folder, "start vault 5 ms", { vault: vaultAt(bench, 5) }),
  ];
  const rows: string[][] = [];
  const targets: Target[] = [];
  for (const { name, socket, command } of contestants) {
    const times: number[] = [];
    for (let round = 0; round < starts; round++) {
      times.push((await driver.call("first", socket, {}, command)).p50);
      // The killed process has left its socket file. It is removed, so that the next start is measured correctly.
      await Deno.remove(socket).catch(() => {});
    }
    rows.push([name, number(median(times)), number(Math.max(...times))]);
    if (name !== "bare") {
      const what = `exec to first Status, ${name.replace("start ", "")}`;
      targets.push({ what, figure: median(times), unit: "ms", bound: { atMost: 1000 } });
    }
  }
  await printTable("Exec to first Status", ["server", "median ms", "slowest ms"], rows);
  return targets;
}
