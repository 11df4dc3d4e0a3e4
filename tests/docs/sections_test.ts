import { deepEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { readPages } from "./markdown.ts";

const root = new URL("../..", import.meta.url).pathname;

/** A page, and perhaps a section of it, that a message of the program names. */
const reference = /\b(docs\/[\w/-]+\.md)(?:(?:,| under) "([^"]+)")?/g;

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) yield path;
  }
}

Deno.test("the source names pages that exist, and sections that their pages have", async () => {
  const anchors = new Map((await readPages()).map((page) => [page.path, page.anchors]));
  const faults: string[] = [];
  let sections = 0;
  for await (const path of sources("lib")) {
    for (const [text, page = "", title] of (await Deno.readTextFile(join(root, path))).matchAll(reference)) {
      if (title !== undefined) sections++;
      const fragment = title?.toLowerCase().replaceAll(" ", "-");
      const found = anchors.get(page);
      if (found === undefined || (fragment !== undefined && !found.has(fragment))) faults.push(`${path}: ${text}`);
    }
  }
  deepEqual(faults, []);
  ok(sections >= 4, "there are such sections");
});
