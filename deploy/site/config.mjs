/**
 * VitePress' configuration, which is copied beside the pages: its packages are those of `deploy/site/deno.json`, and no
 * other part of the repository sees them.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { slug } from "github-slugger";

/** Written by `build.ts`: the sidebar, and the files that are no pages. */
const site = JSON.parse(
  readFileSync(new URL("site.json", import.meta.url), "utf8"),
);

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The path of a link's target, from the root of the repository. */
function pathOf(href, page) {
  return decodeURI(
    new URL(href.split("#")[0], `file:///${page}`).pathname.slice(1),
  );
}

/** A page is found under its own name; any other file has `.txt` behind its name, so that a browser shows it. */
function targetOf(href, page) {
  if (/^[a-z]+:/.test(href) || href.startsWith("#")) return href;
  if (site.files.includes(pathOf(href, page))) return `${href}.txt`;
  return href.replace(/(^|\/)README\.md(?=#|$)/, "$1index.md");
}

function rewriteLinks(md) {
  md.core.ruler.push("repository_links", ({ tokens, env }) => {
    for (const { children } of tokens) {
      for (const token of children ?? []) {
        const href = token.attrGet("href");
        if (token.type === "link_open" && href !== null) {
          token.attrSet("href", targetOf(href, env.relativePath));
        }
      }
    }
  });
}

export default {
  title: "Trousseau",
  description: "Keeps secrets encrypted under keys that stay in a key management service",
  outDir: "out",
  themeConfig: {
    sidebar: site.sidebar,
    outline: [2, 3],
    search: { provider: "local" },
    docFooter: { prev: false, next: false },
  },
  markdown: {
    anchor: { slugify: (text) => slug(text) },
    config(md) {
      // A page shows templates in backquotes, which Vue would evaluate.
      md.renderer.rules.code_inline = (tokens, at) => `<code v-pre>${escaped(tokens[at].content)}</code>`;
      rewriteLinks(md);
    },
  },
};
