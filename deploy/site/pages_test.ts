import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { readPages } from "../../tests/docs/markdown.ts";
import { repository } from "../compile/stage.ts";
import { navigation } from "./navigation.ts";
import { readSite, sidebarOf, sitePath } from "./pages.ts";

async function checkout(
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const root = await Deno.makeTempDir({ prefix: "site-pages-" });
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(join(root, path, ".."), { recursive: true });
    await Deno.writeTextFile(join(root, path), text);
  }
  return root;
}

Deno.test("navigation has each page of the repository once", async () => {
  const listed = navigation.flatMap(({ pages }): readonly string[] => pages);
  deepEqual(
    listed.toSorted(),
    (await readPages()).map(({ path }) => path).toSorted(),
  );
});

Deno.test("readSite() finds linked files, and neither pages nor the links of examples", async () => {
  const root = await checkout({
    "README.md": "# Top\n\n[a](docs/a.md#x) [b](deploy/b.yaml) <https://c.example/>\n\n```md\n[no](no.yaml)\n```\n",
    "docs/a.md": "# The `a`\n\n[b](../deploy/b.yaml) [c](../LICENSE) [d](https://d.example/)\n",
  });
  const site = await readSite(root, [{
    title: "All",
    pages: ["README.md", "docs/a.md"],
  }]);
  deepEqual(site.files, ["LICENSE", "deploy/b.yaml"]);
  deepEqual(site.pages.map(({ title }) => title), ["Top", "The a"]);
  await Deno.remove(root, { recursive: true });
});

Deno.test("readSite() refuses a page without a heading", async () => {
  const root = await checkout({ "README.md": "text\n" });
  await rejects(
    readSite(root, [{ title: "All", pages: ["README.md"] }]),
    /README\.md has no heading/,
  );
  await Deno.remove(root, { recursive: true });
});

Deno.test("sidebarOf() names pages by their headings and links to their places", async () => {
  const { pages } = await readSite(repository, navigation);
  const [first, second] = sidebarOf(navigation, pages);
  deepEqual(first?.items[0], { text: "Trousseau", link: "/" });
  deepEqual(second?.items[0]?.link, "/docs/kms/vault");
  equal(sitePath("findings/README.md"), "findings/index.md");
});
