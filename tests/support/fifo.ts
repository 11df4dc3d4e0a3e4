/**
 * A FIFO without a writer: a blocking open never returns.
 *
 * @module
 */
import assert from "node:assert/strict";

/** Makes a FIFO at a path. */
export async function makeFifo(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.ok(success, `mkfifo ${path}`);
}
