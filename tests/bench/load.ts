/**
 * The latencies of a normal client beside loads of well-formed calls, the peak of memory, and memory a minute later.
 *
 * @module
 */
import { bounds, type LoadName, loads, measurePressure, residentLater, slower } from "../support/pressure.ts";
import type { Bench } from "./bench.ts";
import { plugin, start } from "./contestants.ts";
import { number, printTable, ratio, type Target } from "./report.ts";

/** Measures and prints the table. @returns the targets. */
export async function measureLoad({ driver, launchers, folder }: Bench): Promise<Target[]> {
  await using stack = new AsyncDisposableStack();
  const measured = [];
  for (const name of Object.keys(loads) as LoadName[]) {
    const contestant = await plugin(launchers, folder, `load ${measured.length}`);
    const { pid } = stack.use(await start(driver, contestant));
    const subject = { socket: contestant.socket, pid };
    measured.push({ name, subject, pressure: await measurePressure(subject, name) });
  }
  const rows: string[][] = [];
  const targets: Target[] = [];
  for (const { name, subject, pressure } of measured) {
    const { alone, beside, load, idleMb, heightMb } = pressure;
    const laterMb = await residentLater(subject, pressure);
    const times = beside.p99 / alone.p99;
    rows.push([
      name,
      ...[alone, beside].flatMap(({ p50, p99 }) => [number(p50), number(p99)]),
      ratio(times),
      String(alone.failed + beside.failed + load.failed),
      (load.calls / load.seconds).toFixed(0),
      ...[idleMb, heightMb, laterMb].map((megabytes) => megabytes.toFixed(0)),
    ]);
    const atMost = slower[name];
    if (atMost !== undefined) {
      targets.push({ what: `${name}: p99 of another to its p99 alone`, figure: times, unit: "x", bound: { atMost } });
    }
    targets.push(
      { what: `${name}: resident at most`, figure: heightMb, unit: "MB", bound: { atMost: bounds.heightMb } },
      {
        what: `${name}: resident a minute later, above idle`,
        figure: laterMb - idleMb,
        unit: "MB",
        bound: { atMost: bounds.aboveIdleMb },
      },
    );
  }
  const head = [
    "load",
    "p50",
    "p99",
    "beside p50",
    "p99 ms",
    "to alone",
    "failed",
    "calls/s",
    "idle",
    "height",
    "later MB",
  ];
  await printTable("A good client beside loads of well-formed calls", head, rows);
  return targets;
}
