/**
 * Links of all pages: those within the repository lead somewhere, and those that leave it are in `docs/links.md`.
 *
 * @module
 */
import { deepEqual, ok } from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import { type Link, readPages } from "./markdown.ts";

const root = new URL("../..", import.meta.url).pathname;
const listPage = "docs/links.md";
const pages = await readPages();
const anchors = new Map(pages.map(({ path, anchors }) => [path, anchors]));

const isExternal = ({ target }: Link) => /^[a-z]+:/.test(target);

async function faultOf({ place, target }: Link, from: string): Promise<string | undefined> {
  const [written = "", fragment] = target.split("#");
  const path = written === "" ? from : normalize(join(dirname(from), decodeURIComponent(written)));
  if (path.startsWith("..") || written.startsWith("/")) return `${place}: ${target} leaves the repository`;
  if (await Deno.stat(join(root, path)).catch(() => undefined) === undefined) return `${place}: there is no ${path}`;
  if (fragment !== undefined && !anchors.get(path)?.has(fragment)) return `${place}: ${path} has no #${fragment}`;
  return undefined;
}

Deno.test("every link within the repository leads to a file, and to a heading of it", async () => {
  const faults: string[] = [];
  for (const { path, links } of pages) {
    for (const link of links.filter((link) => !isExternal(link))) {
      const fault = await faultOf(link, path);
      if (fault !== undefined) faults.push(fault);
    }
  }
  ok(faults.length === 0, faults.join("\n"));
});

Deno.test("every page is reached from README.md by links", () => {
  const reached = new Set(["README.md"]);
  for (const path of reached) {
    for (const { target } of pages.find((page) => page.path === path)?.links ?? []) {
      const there = normalize(join(dirname(path), target.split("#")[0] ?? ""));
      if (anchors.has(there)) reached.add(there);
    }
  }
  deepEqual(pages.map(({ path }) => path).filter((path) => !reached.has(path)), []);
});

Deno.test("docs/links.md lists every external link of the pages, each with a date, and no other", async () => {
  const rows = (await Deno.readTextFile(join(root, listPage))).split("\n").filter((line) => line.startsWith("| <"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const listed = rows.map(([, address = ""]) => address.slice(1, -1));
  const used = pages.filter(({ path }) => path !== listPage)
    .flatMap(({ links }) => links.filter(isExternal).map(({ target }) => target.replace(/#.*/, "")));
  deepEqual(listed, [...new Set(used)].toSorted());
  for (const [, address, date = ""] of rows) {
    const parsed = /^\d{4}-\d\d-\d\d$/.test(date) ? Date.parse(date) : NaN;
    ok(parsed > Date.parse("2026-01-01") && parsed <= Date.now(), `${address}: ${date} is no date of the past`);
  }
});
