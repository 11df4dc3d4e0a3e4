/**
 * A program around the embedded engine, for the test of its worker in a bundle: `store_program.ts PATH` writes a row, reads
 * it, takes a snapshot and empties the log.
 *
 * @module
 */
import { utf8 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";

const [path = ""] = Deno.args;
const { signal } = new AbortController();
// As the service loads it: at its first use.
const { openEmbeddedEngine } = await import("../../lib/services/keyring/engine/embedded_engine.ts");
{
  await using engine = await openEmbeddedEngine({ path, clock: systemClock, create: true });
  const row = { table: "value", key: utf8("name") } as const;
  const committed = await engine.commit([{ ...row, version: "absent" }], [{ ...row, bytes: utf8("content") }], signal);
  const [read] = await engine.get([row], signal);
  const rows = (await Array.fromAsync(engine.snapshot(signal))).flat().length;
  await engine.purge(signal);
  const text = new TextDecoder().decode(read?.bytes);
  await Deno.stdout.write(utf8(`${JSON.stringify({ committed, text, rows, ...engine.health() })}\n`));
}
