/**
 * `deno task matrix`: runs the suite, stores the results in `results.json`, and writes the support matrix of
 * `docs/compatibility.md` from them.
 *
 * Without arguments it runs the benches that need only this repository. `deno task matrix engines` also runs those of
 * `tests/e2e` and builds their missing servers. `deno task matrix FILE…` runs only these files. Rows of benches that are
 * not run remain. If a test fails, nothing is written.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { suiteFiles } from "./files.ts";
import { withSection } from "./matrix.ts";
import { handedOver, readResults, recordVariable, type Results, resultsFile } from "./results.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = `${root}/docs/compatibility.md`;

/** How each kind of bench is run: all of them write the folder for the rows, and start servers on loopback. */
const commands = {
  quick: ["test", "--no-check", "--allow-read", "--allow-write", "--allow-net", "--allow-env", "--allow-run"],
  engines: [
    ...["run", "--allow-read", "--allow-write", "--allow-run", "--allow-env", "--allow-net"],
    "tests/e2e/run.ts",
  ],
} as const;

async function record(kind: keyof typeof commands, files: readonly string[], folder: string): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...commands[kind], ...files],
    cwd: root,
    env: { [recordVariable]: folder },
    stdin: "null",
  });
  const { success } = await child.spawn().status;
  if (!success) throw new Error("Cannot record results: a test failed.");
}

/** The rows of `before` that are kept beside the new ones: those of existing files that were not run. */
function merged(before: Results, fresh: Results, ran: readonly string[], there: readonly string[]): Results {
  const kept = Object.entries(before).filter(([, { by }]) => there.includes(by) && !ran.includes(by));
  return Object.fromEntries([...kept, ...Object.entries(fresh)].toSorted(([a], [b]) => a < b ? -1 : 1));
}

type Files = Awaited<ReturnType<typeof suiteFiles>>;

/** Which of them the arguments ask for. */
function wanted({ quick, engines }: Files, args: readonly string[]): Files {
  if (args.length === 0) return { quick, engines: [] };
  if (args.join() === "engines") return { quick, engines };
  const unknown = args.filter((file) => ![...quick, ...engines].includes(file));
  if (unknown.length > 0) throw new Error(`Cannot record results: ${unknown.join(", ")} does not call the suite.`);
  const asked = (file: string) => args.includes(file);
  return { quick: quick.filter(asked), engines: engines.filter(asked) };
}

const files = await suiteFiles();
const toRun = wanted(files, Deno.args);
const folder = await Deno.makeTempDir();
try {
  for (const kind of ["quick", "engines"] as const) {
    if (toRun[kind].length > 0) await record(kind, toRun[kind], folder);
  }
  const before = await readResults().catch((): Results => ({}));
  const ran = [...toRun.quick, ...toRun.engines];
  const results = merged(before, await handedOver(folder), ran, [...files.quick, ...files.engines]);
  await Deno.writeTextFile(resultsFile, `${JSON.stringify(results, null, 2)}\n`);
  await Deno.writeTextFile(page, withSection(await Deno.readTextFile(page), results));
} finally {
  await Deno.remove(folder, { recursive: true });
}
