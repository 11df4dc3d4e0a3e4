/**
 * A process that writes into an embedded store and prints a line for each outcome, until it is killed.
 *
 * `store_writer.ts PATH ROUND`: each transaction of a round puts two rows of equal content, and every third one has a
 * condition that cannot hold.
 *
 * @module
 */
import { utf8 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { openEmbeddedEngine } from "../../lib/services/keyring/engine/embedded_engine.ts";
import type { RowCondition } from "../../lib/services/keyring/engine/engine.ts";

const [path = "", round = ""] = Deno.args;
const { signal } = new AbortController();
const engine = await openEmbeddedEngine({ path, clock: systemClock, create: true });

async function write(name: string, isRefused: boolean): Promise<void> {
  const rows = (["metadata", "value"] as const).map((table) => ({
    table,
    key: utf8(name),
    bytes: utf8(name.repeat(99)),
  }));
  const impossible: RowCondition = { table: "policy", key: utf8("none"), version: 1 };
  const committed = await engine.commit(isRefused ? [impossible] : [], rows, signal);
  Deno.stdout.writeSync(utf8(`${committed ? "committed" : "refused"} ${name}\n`));
}

async function writer(number: number): Promise<void> {
  for (let count = 0;; count++) await write(`${round}.${number}.${count}`, count % 3 === 2);
}

Deno.stdout.writeSync(utf8("open\n"));
await Promise.all(Array.from({ length: 8 }, (_, number) => writer(number)));
