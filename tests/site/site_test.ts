/**
 * The site of the documentation, as `deno task site` builds it.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { buildSite } from "../../deploy/site/build.ts";
import { navigation } from "../../deploy/site/navigation.ts";
import { sitePath } from "../../deploy/site/pages.ts";

async function indexOf(
  folder: string,
): Promise<{ terms: Set<string>; places: readonly string[] }> {
  const chunks = join(folder, "assets/chunks");
  const names = (await Array.fromAsync(Deno.readDir(chunks))).map(({ name }) => name);
  const name = names.find((name) => name.includes("localSearchIndex"));
  ok(name !== undefined, "the site has no index for its search");
  const { default: text }: { default: string } = await import(
    `file://${join(chunks, name)}`
  );
  const index: {
    index: [string, unknown][];
    documentIds: Record<string, string>;
  } = JSON.parse(text);
  return {
    terms: new Set(index.index.map(([term]) => term)),
    places: Object.values(index.documentIds),
  };
}

Deno.test("deno task site builds each page, with links that lead somewhere and a search that knows all pages", async () => {
  const folder = await Deno.makeTempDir({ prefix: "site-test-" });
  try {
    deepEqual(await buildSite(folder), []);
    const html = navigation.flatMap(({ pages }) => pages).map((path) => sitePath(path).replace(/md$/, "html"));
    for (const path of html) {
      ok((await Deno.stat(join(folder, path))).isFile, `there is no ${path}`);
    }
    const architecture = await Deno.readTextFile(join(folder, "docs/architecture.html"));
    equal(architecture.match(/<div class="diagram"[^>]*><svg /g)?.length, 3);
    for (const text of ["kube-apiserver", "Encrypt a seed", "recovery key in the safe"]) {
      ok(architecture.includes(`>${text}</text>`), `no diagram has the text ${text}`);
    }
    equal(/fonts\.googleapis/.test(architecture), false);
    const { terms, places } = await indexOf(folder);
    for (
      const term of ["quorum", "goaway", "decryption", "clectl"]
    ) ok(terms.has(term), `no ${term}`);
    const unknown = html.filter((path) => !places.some((place) => placeOf(place) === path));
    deepEqual(unknown, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The file of an entry of the index, which is an address with a heading. */
function placeOf(entry: string): string {
  const path = entry.split("#")[0]?.slice(1) ?? "";
  return path === "" || path.endsWith("/") ? `${path}index.html` : path.endsWith(".html") ? path : `${path}.html`;
}
