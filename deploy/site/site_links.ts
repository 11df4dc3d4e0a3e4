/**
 * Checks the links of a built site.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path";
import { listFiles } from "../../lib/release/release_files.ts";

/** An HTML file of the site. */
interface Document {
  /** From the folder of the site. */
  readonly path: string;
  readonly targets: readonly string[];
  readonly anchors: ReadonlySet<string>;
}

/**
 * Finds the links that lead nowhere: to a file that the site lacks, or to a place that its page does not have. Links to
 * other sites are not followed.
 *
 * @param folder the folder of the site.
 * @returns one sentence for each, sorted; `[]` if all links lead somewhere.
 */
export async function deadLinks(folder: string): Promise<string[]> {
  const files = new Set((await listFiles(folder)).map(({ file }) => file));
  const documents = new Map<string, Document>();
  for (const path of files) {
    if (path.endsWith(".html")) documents.set(path, readDocument(path, await Deno.readTextFile(join(folder, path))));
  }
  const faults = [...documents.values()].flatMap((from) =>
    from.targets.flatMap((target) => faultOf(target, from, files, documents) ?? [])
  );
  return [...new Set(faults)].toSorted();
}

function faultOf(
  target: string,
  from: Document,
  files: ReadonlySet<string>,
  documents: ReadonlyMap<string, Document>,
): string | undefined {
  const [written = "", fragment = ""] = target.split("#");
  const path = written === "" ? from.path : fileOf(written, from.path, files);
  if (path === undefined) return `${from.path}: ${target} is not in the site`;
  if (fragment === "") return undefined;
  const has = documents.get(path)?.anchors.has(decodeURIComponent(fragment)) === true;
  return has ? undefined : `${from.path}: ${path} has no #${fragment}`;
}

/** The file of a link: itself, or the page or the index of the folder that it names. */
function fileOf(
  written: string,
  from: string,
  files: ReadonlySet<string>,
): string | undefined {
  const plain = decodeURIComponent(written.split("?")[0] ?? "");
  const path = plain.startsWith("/") ? normalize(plain).slice(1) : normalize(join(dirname(from), plain));
  const folder = path === "." || path.endsWith("/") || path === "" ? path.replace(/^\.$|\/$/, "") : undefined;
  const candidates = folder === undefined
    ? [path, `${path}.html`, join(path, "index.html")]
    : [join(folder, "index.html")];
  return candidates.find((candidate) => files.has(candidate));
}

function readDocument(path: string, html: string): Document {
  const attributes = (name: string) =>
    [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, "g"))].map(([, value = ""]) => value.replaceAll("&amp;", "&"));
  return {
    path,
    targets: [...attributes("href"), ...attributes("src")].filter((target) => !/^(?:[a-z]+:|\/\/)/.test(target)),
    anchors: new Set(attributes("id")),
  };
}
