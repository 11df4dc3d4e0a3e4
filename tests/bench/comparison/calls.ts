/**
 * Processor time, rates and latencies of calls, with the audit stream in a file.
 *
 * @module
 */
import { join } from "node:path";
import { type Contestant, plugin, start } from "../contestants.ts";
import { callsInFlight, distinctValues, measureTimed, type Started } from "../timed_calls.ts";
import { type Comparison, inTurn, type Sides, takePairs } from "./comparison.ts";
import { type ComparedRow, comparedRow, type SideFigures } from "./pairs.ts";
import type { RowName } from "./rows.ts";

/** The operations that are compared. */
export type ComparedOperation = "encrypt" | "decrypt-cached" | "decrypt-uncached";

/** A server, and the files of its audit stream and of the values that it has encrypted. */
interface Loaded extends Started {
  readonly audit: string;
  readonly values: string;
}

/** Measures one operation with each number of calls in flight that is wanted. */
export async function* compareCalls(
  comparison: Comparison,
  operation: ComparedOperation,
  wanted: ReadonlySet<RowName>,
): AsyncGenerator<ComparedRow> {
  const { driver } = comparison;
  await using stack = new AsyncDisposableStack();
  const sides = await startSides(comparison, operation, stack);
  if (operation === "decrypt-uncached") {
    for (const { contestant, values } of Object.values(sides)) {
      await driver.call("seal", contestant.socket, { calls: distinctValues, file: values });
    }
  }
  for (const count of callsInFlight) {
    const name: RowName = `${operation}-${count}`;
    if (!wanted.has(name)) continue;
    const measure = (side: Loaded) => measureSide(comparison, operation, side, count);
    yield comparedRow(name, await takePairs(comparison, name, (index) => inTurn(index, sides, measure)));
  }
}

async function measureSide(
  { driver, sizes }: Comparison,
  operation: ComparedOperation,
  side: Loaded,
  count: number,
): Promise<SideFigures> {
  const [command, options] = operation === "decrypt-uncached"
    ? ["open", { file: side.values }] as const
    : ["load", { op: operation === "encrypt" ? "encrypt" : "decrypt" }] as const;
  const { processor, rate, p50, p99 } = await measureTimed(driver, side, command, options, count, sizes.timing);
  // The stream is appended to: a server goes on at the start of the file, and the disk is not filled.
  await Deno.truncate(side.audit);
  return { cpu: processor, rate, p50, p99 };
}

/** Starts all sides: the floor beside calls that stay in the process, the peer beside those that go to Vault. */
async function startSides(
  comparison: Comparison,
  operation: ComparedOperation,
  stack: AsyncDisposableStack,
): Promise<Sides<Loaded>> {
  const { driver, folder, audits, launchers, floor, peer, vault } = comparison;
  const uncached = operation === "decrypt-uncached";
  const options = uncached ? { vault, uncached } : {};
  const ours = (side: "ours" | "base") => plugin({ plugin: launchers[side] }, folder, `${operation} ${side}`, options);
  const begin = async (contestant: Contestant): Promise<Loaded> => {
    const [audit, values] = [join(audits, contestant.name), join(folder, `${contestant.name}.values`)];
    return { contestant, audit, values, running: stack.use(await start(driver, contestant, audit)) };
  };
  const sides = { ours: await begin(await ours("ours")), base: await begin(await ours("base")) };
  const socket = join(folder, `${operation}.sock`);
  return uncached
    ? { ...sides, peer: await begin({ name: `${operation} peer`, socket, command: peer.command(socket, vault) }) }
    : { ...sides, floor: await begin({ name: `${operation} floor`, socket, command: [floor, socket] }) };
}
