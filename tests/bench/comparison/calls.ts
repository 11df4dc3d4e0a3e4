/**
 * Processor time, rates and latencies of calls, with the audit stream in a file.
 *
 * @module
 */
import { join } from "node:path";
import { type Contestant, plugin, type PluginOptions, start } from "../contestants.ts";
import { progress } from "../report.ts";
import { callsInFlight, measureTimed, type Started } from "../timed_calls.ts";
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
  await using stack = new AsyncDisposableStack();
  const { sides, peerName } = operation === "decrypt-uncached"
    ? await startUncached(comparison, stack)
    : { sides: await startCached(comparison, operation, stack), peerName: undefined };
  for (const count of callsInFlight) {
    const name: RowName = `${operation}-${count}`;
    if (!wanted.has(name)) continue;
    const measure = (side: Loaded) => measureSide(comparison, operation, side, count);
    const pairs = await takePairs(comparison, name, (index) => inTurn(index, sides, measure));
    yield comparedRow(name, pairs, peerName);
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

/** Starts the two plugins, and the floor beside them. */
async function startCached(
  comparison: Comparison,
  operation: ComparedOperation,
  stack: AsyncDisposableStack,
): Promise<Sides<Loaded>> {
  const { folder, floor } = comparison;
  const socket = join(folder, `${operation}.sock`);
  return {
    ...await startBoth(comparison, operation, {}, stack),
    floor: await begin(comparison, { name: `${operation} floor`, socket, command: [floor, socket] }, stack),
  };
}

/** Starts the two plugins on a Vault, and the peer beside them. Each encrypts the values that it will decrypt. */
async function startUncached(comparison: Comparison, stack: AsyncDisposableStack) {
  const { driver, folder, vault, sizes } = comparison;
  const peer = await comparison.peer();
  const socket = join(folder, "peer.sock");
  const contestant = { name: "decrypt-uncached peer", socket, command: peer.command(socket, vault) };
  const sides = {
    ...await startBoth(comparison, "decrypt-uncached", { vault, uncached: true }, stack),
    peer: await begin(comparison, contestant, stack),
  };
  for (const { contestant: { name, socket }, values } of Object.values(sides)) {
    await progress(`${name}: encrypting ${sizes.values} values with as many data keys`);
    await driver.call("seal", socket, { calls: sizes.values, file: values });
  }
  return { sides, peerName: peer.name };
}

async function startBoth(
  comparison: Comparison,
  operation: ComparedOperation,
  options: PluginOptions,
  stack: AsyncDisposableStack,
): Promise<Record<"ours" | "base", Loaded>> {
  const { launchers, folder } = comparison;
  const started = async (side: "ours" | "base") => {
    const contestant = await plugin({ plugin: launchers[side] }, folder, `${operation} ${side}`, options);
    return await begin(comparison, contestant, stack);
  };
  return { ours: await started("ours"), base: await started("base") };
}

async function begin(
  { driver, folder, audits }: Comparison,
  contestant: Contestant,
  stack: AsyncDisposableStack,
): Promise<Loaded> {
  const [audit, values] = [join(audits, contestant.name), join(folder, `${contestant.name}.values`)];
  return { contestant, audit, values, running: stack.use(await start(driver, contestant, audit)) };
}
