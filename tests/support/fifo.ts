/**
 * A FIFO that nobody writes to: whoever opens it without care waits for ever.
 *
 * @module
 */
import assert from "node:assert/strict";

/** Makes one. */
export async function makeFifo(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.ok(success, `mkfifo ${path}`);
}
