import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import { deadLinks } from "./site_links.ts";

async function faults(
  files: Readonly<Record<string, string>>,
): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "site-links-" });
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(join(folder, path, ".."), { recursive: true });
      await Deno.writeTextFile(join(folder, path), text);
    }
    return await deadLinks(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("deadLinks() passes links to pages, folders, files, headings and other sites", async () => {
  const links = [
    "b.html#top",
    "/sub/",
    "sub/b.html?x=1",
    "/",
    "#here",
    "/sub/../b.html",
    "b",
    "file%20x.txt",
    "./b.html",
  ];
  const html = links.map((link) => `<a href="${link}">x</a>`).join("") +
    '<a href="https://a.example/">y</a>';
  deepEqual(
    await faults({
      "index.html": `<h1 id="here">${html}</h1><script src="/s.js"></script>`,
      "b.html": '<h1 id="top"></h1><a href="index.html#here"></a>',
      "sub/index.html": '<a href="../b.html#top"></a>',
      "sub/b.html": "",
      "s.js": "",
      "file x.txt": "",
    }),
    [],
  );
});

Deno.test("deadLinks() names each link to a file or a heading that is not there", async () => {
  deepEqual(
    await faults({
      "index.html": '<a href="none.html">x</a><a href="b.html#none"></a><img src="/i.png"><a href="sub/"></a>',
      "b.html": '<a href="../up.html"></a>',
      "sub/c.txt": "",
    }),
    [
      "b.html: ../up.html is not in the site",
      "index.html: /i.png is not in the site",
      "index.html: b.html has no #none",
      "index.html: none.html is not in the site",
      "index.html: sub/ is not in the site",
    ],
  );
});
