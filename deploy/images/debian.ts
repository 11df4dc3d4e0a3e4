/**
 * Fetches the Debian packages of the images, and renews their table with `--update`.
 *
 * `deno task debian [--update]`
 *
 * @module
 */
import { parseArgs } from "node:util";
import { say, sayFailure } from "../compile/compile.ts";
import { repository } from "../compile/stage.ts";
import { debianCache, fetchDebian } from "./debian_fetch.ts";
import { debianMirror } from "./debian_mirror.ts";
import { allPackages, readDebianTable, writeDebianTable } from "./debian_table.ts";
import { newestPackages } from "./debian_update.ts";

async function renew(signal: AbortSignal): Promise<void> {
  const table = await newestPackages(await debianMirror(), signal);
  await writeDebianTable(repository, table);
  await readDebianTable(repository);
}

async function fetchAll(signal: AbortSignal): Promise<void> {
  const source = { folder: debianCache(), mirror: debianMirror };
  for (const one of allPackages(await readDebianTable(repository))) {
    const path = await fetchDebian(one, source, signal);
    await say(Deno.stdout, `${one.sha256}  ${one.name} ${one.version} for ${one.architecture}: ${path}`);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ args: Deno.args, options: { update: { type: "boolean" } } });
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => stop.abort(new Error("Stopped before all packages were there.")));
  }
  try {
    if (values.update) await renew(stop.signal);
    await fetchAll(stop.signal);
  } catch (thrown) {
    await sayFailure(thrown);
  }
}
