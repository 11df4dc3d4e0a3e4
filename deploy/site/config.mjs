/**
 * VitePress' configuration, which is copied beside the pages: its packages are those of `deploy/site/deno.json`, and no
 * other part of the repository sees them.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { renderMermaidSVG } from "beautiful-mermaid";
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

/** Draws a diagram with the page's own colours. A narrow screen scrolls it, since its text would become too small. */
function diagram(text) {
  const drawn = renderMermaidSVG(text, {
    bg: "var(--vp-c-bg)",
    fg: "var(--vp-c-text-1)",
    muted: "var(--vp-c-text-2)",
  });
  const svg = drawn.replace(/^ *@import url\([^)]*\);$/m, "").replace(
    /^<svg ([^>]*?) width="([\d.]+)" height="[\d.]+" style="/,
    '<svg $1 style="width:100%;min-width:min(560px,$2px);max-width:$2px;height:auto;',
  );
  // A page loads nothing from elsewhere, and a library may change the form of its output.
  const foreign = svg.replaceAll("http://www.w3.org/", "").match(
    /https?:|@import/,
  );
  if (foreign !== null || !svg.includes("max-width:")) {
    throw new Error("Cannot draw a diagram: its form is unknown.");
  }
  const html = escaped(JSON.stringify(svg)).replaceAll('"', "&quot;");
  return `<div class="diagram" style="overflow-x:auto" v-html="${html}"></div>\n`;
}

function drawDiagrams(md) {
  const { fence } = md.renderer.rules;
  md.renderer.rules.fence = (tokens, at, ...rest) =>
    tokens[at].info.trim() === "mermaid" ? diagram(tokens[at].content) : fence(tokens, at, ...rest);
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
      drawDiagrams(md);
    },
  },
};
