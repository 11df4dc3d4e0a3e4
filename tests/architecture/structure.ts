/**
 * Prints figures of the program's structure: import cycles, repeated logic, and the files that a cold Decrypt crosses.
 *
 *     deno task structure
 *
 * @module
 */
import { coldDecryptFiles } from "./cold_decrypt.ts";
import { importCycles } from "./cycles.ts";
import { repetitions } from "./repetition.ts";
import { roomOf } from "./rooms.ts";
import { root, sourceFiles } from "./sources.ts";

/** Tokens that repeated code has at least: about five lines. */
const leastTokens = 40;

function print(line = ""): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const files = await sourceFiles();
const cycles = importCycles(files);
print(`Import cycles: ${cycles.length}`);
for (const cycle of cycles) print(`  ${cycle.join(" -> ")}`);

const repeated = repetitions(files, leastTokens);
print();
print(`Repeated logic of ${leastTokens} tokens or more: ${repeated.length}`);
for (const { tokens, places } of repeated) {
  print(`  ${tokens} tokens: ${places.map(({ path, line, last }) => `${path}:${line}-${last}`).join(", ")}`);
}

const crossed = await coldDecryptFiles(Deno.args[0] ?? root);
print();
print(`Files that a cold Decrypt crosses: ${crossed.length}`);
const rooms = Map.groupBy(crossed, (path) => Deno.args[0] === undefined ? roomOf(path) : path.split("/")[1] ?? "");
for (const [room, paths] of rooms) {
  print(`  ${room}: ${paths.map((path) => path.slice(path.lastIndexOf("/") + 1)).join(" ")}`);
}
