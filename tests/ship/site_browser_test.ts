/**
 * The site of the documentation in a real browser, as wide as a desk and as a telephone.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { buildSite } from "../../deploy/site/build.ts";
import { navigation } from "../../deploy/site/navigation.ts";
import { sitePath } from "../../deploy/site/pages.ts";
import { waitFor } from "../support/processes.ts";
import { Browser } from "./browser.ts";

const sizes = [{ width: 1280, height: 900 }, { width: 390, height: 844 }] as const;

/** The search loads its index when it is opened. */
const wait = { timeoutMs: 20_000 } as const;

/** The diagrams of the open page: whether each is seen with its texts, in a frame that is no wider than the screen. */
const drawnDiagrams = `[...document.querySelectorAll(".diagram")].map((frame) => {
  const [svg] = frame.querySelectorAll("svg");
  const { width, height } = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.getBoundingClientRect().height > 5);
  return texts.length >= 8 && width >= 300 && height >= 200 && frame.clientWidth <= innerWidth;
})`;

/** The expected value of {@linkcode drawnDiagrams}: one for each diagram of the source. */
async function figuresOf(path: string): Promise<readonly boolean[]> {
  const text = await Deno.readTextFile(new URL(`../../${path}`, import.meta.url));
  return [...text.matchAll(/^```mermaid$/gm)].map(() => true);
}

/** A plain server of files, as any web server is one. */
function serveFolder(folder: string): Deno.HttpServer<Deno.NetAddr> {
  const types: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async ({ url }) => {
    const path = decodeURIComponent(new URL(url).pathname);
    const file = path.endsWith("/") ? `${path}index.html` : path;
    const bytes = await Deno.readFile(join(folder, file)).catch(() => undefined);
    if (bytes === undefined) return new Response("", { status: 404 });
    const type = types[file.split(".").at(-1) ?? ""] ?? "application/octet-stream";
    return new Response(bytes, { headers: { "content-type": type } });
  });
}

Deno.test("each page of the site fits both widths, loads without an error, and is found by the search", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "site-browser-" });
  deepEqual(await buildSite(folder), []);
  const server = serveFolder(folder);
  const origin = `http://127.0.0.1:${server.addr.port}`;
  await using browser = await Browser.start();
  for (const size of sizes) {
    await t.step(`${size.width} pixels wide`, async () => {
      for (const path of navigation.flatMap(({ pages }) => pages)) {
        await browser.open(`${origin}/${sitePath(path).replace(/md$/, "html")}`, size);
        const heading = await browser.evaluate("document.querySelector('h1')?.innerText");
        ok(typeof heading === "string" && heading !== "", `${path} has no heading`);
        deepEqual(await browser.evaluate(drawnDiagrams), await figuresOf(path), path);
        const width = await browser.evaluate("document.documentElement.scrollWidth");
        equal(width, size.width, `${path} is ${width} pixels wide`);
        deepEqual(browser.faults, [], path);
      }
    });
  }
  await t.step("the search finds the page of an alert's cure", async () => {
    await browser.open(`${origin}/`, sizes[0]);
    await browser.evaluate("document.querySelector('.VPNavBarSearch button').click()");
    const input = "document.querySelector('.VPLocalSearchBox input')";
    await waitFor("the search box", async () => await browser.evaluate(`${input} !== null`) === true, wait);
    await browser.evaluate(`${input}.focus()`);
    await browser.type("audit lines lost");
    const first = "document.querySelector('.VPLocalSearchBox .result')?.href ?? ''";
    const result = async () => String(await browser.evaluate(first)) || undefined;
    const { value: href } = await waitFor("a result", result, wait);
    ok(href.startsWith(`${origin}/docs/`), href);
  });
  await server.shutdown();
  await Deno.remove(folder, { recursive: true });
});
