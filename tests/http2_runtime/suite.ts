/**
 * Runs test files of the HTTP/2 server, on the product's own HTTP/2 or on the runtime's.
 *
 * @module
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = new URL("../..", import.meta.url).pathname;
const url = (path: string) => pathToFileURL(join(root, path)).href;

/** What comes in the place of the product's own. */
const ours = "lib/net/http2/listener.ts";
const theirs = "tests/http2_runtime/listener.ts";

/** Milliseconds after which a run is ended: a whole file on a busy machine, and one test, which may hang. */
const patienceMs = { ours: 180_000, theirs: 45_000 } as const;

/** The outcome of each test of a file; `ended` says how the process ended where it did not report at all. */
export interface Outcomes {
  readonly failed: readonly string[];
  readonly passed: readonly string[];
  readonly ended?: string;
}

/**
 * Runs one file, or one test of it by its name: an error that no test awaits would fail those behind it too.
 *
 * @param on whose HTTP/2 serves.
 */
export async function runFile(file: string, on: "ours" | "theirs", folder: string, name?: string): Promise<Outcomes> {
  const only = name === undefined ? [] : [`--filter=/^${name.replaceAll(/[^\w\s]/g, "\\$&")}$/`];
  const report = join(folder, "report.xml");
  const map = join(folder, "import_map.json");
  await Deno.writeTextFile(map, JSON.stringify(await importMap(on)));
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), patienceMs[on]);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "--quiet", "--no-check", "-A", "--config", join(root, "deno.dev.json")],
      ...[`--import-map=${map}`, `--junit-path=${report}`, ...only, join(root, file)],
    ],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: aborter.signal,
  });
  const { code, signal, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const xml = await Deno.readTextFile(report).catch(() => undefined);
  if (xml !== undefined) {
    await Deno.remove(report);
    return readReport(xml);
  }
  if (aborter.signal.aborted) return { failed: [], passed: [], ended: "it hangs" };
  if (signal !== null) return { failed: [], passed: [], ended: signal };
  const output = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr]));
  throw new Error(`${file} ended with ${code} and no report:\n${output.slice(-2000)}`);
}

/** The packages of the tests; for the runtime's HTTP/2, every import of ours but the adapter's own leads there. */
async function importMap(on: "ours" | "theirs"): Promise<object> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(root, "deno.dev.json")));
  if (on === "ours") return { imports };
  const swap = { [url(ours)]: url(theirs) };
  return { imports, scopes: { [url("lib/")]: swap, [url("tests/")]: swap, [url(theirs)]: { [url(ours)]: url(ours) } } };
}

/** The names of JUnit's cases. */
export function readReport(xml: string): Outcomes {
  const failed: string[] = [];
  const passed: string[] = [];
  for (const [, name = "", rest = ""] of xml.matchAll(/<testcase name="([^"]*)"[^>]*?(\/>|>[^]*?<\/testcase>)/g)) {
    if (/<skipped\b/.test(rest)) continue;
    (/<(failure|error)\b/.test(rest) ? failed : passed).push(unescaped(name));
  }
  return { failed, passed };
}

function unescaped(text: string): string {
  return text.replaceAll("&quot;", '"').replaceAll("&apos;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
