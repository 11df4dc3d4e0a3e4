/**
 * The sources of time: the monotonic clock for intervals, the wall clock for times that are shown, stored or compared
 * with other machines. Both are `lib/base/clock.ts`'s, so that a clock which is set after the start changes no interval.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;

/** The exceptions: the clocks that a file may read, and why. */
const allowed: Readonly<Record<string, { readonly reads: RegExp; readonly why: string }>> = {
  "lib/base/clock.ts": { reads: /^(Date\.now|performance\.(now|timeOrigin))$/, why: "it is the clock" },
  "lib/base/deadline.ts": { reads: /^performance\.now$/, why: "clock.ts is made of it" },
};

const clocks =
  /\bDate\.now\b|\bperformance\.(?:now|timeOrigin)\b|\bnew Date\(\)|(?<!new )\bDate\(\)|\bTemporal\.Now\b/g;

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts") && !path.endsWith("_test.ts")) yield path;
  }
}

Deno.test("no file but lib/base/clock.ts reads a clock of the machine, unless a reason is given for it", async () => {
  for await (const path of sources("lib")) {
    const read = [...(await Deno.readTextFile(join(root, path))).matchAll(clocks)].map(([text]) => text);
    const refused = read.filter((one) => !allowed[path]?.reads.test(one));
    assert.deepEqual(refused, [], `${path}: take the clock that is passed down, or systemClock`);
  }
});
