/**
 * The pages of the site, and the other files that they link to.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path";
import type { PageGroup } from "./navigation.ts";

/** One page. */
export interface SitePage {
  /** From the root of the repository. */
  readonly path: string;
  /** Its first heading. */
  readonly title: string;
  readonly text: string;
}

/** Everything that the site is built of. */
export interface Site {
  readonly pages: readonly SitePage[];
  /** Paths of linked files that are no pages, from the root of the repository, sorted. */
  readonly files: readonly string[];
}

/** The sidebar as VitePress reads it. */
export type Sidebar = readonly {
  readonly text: string;
  readonly items: readonly SidebarItem[];
}[];

/** An entry of the sidebar. */
export interface SidebarItem {
  readonly text: string;
  readonly link: string;
}

/**
 * Reads the pages.
 *
 * @param root the root of the repository.
 * @throws {Error} if a page does not exist or has no heading.
 */
export async function readSite(
  root: string,
  groups: readonly PageGroup[],
): Promise<Site> {
  const pages: SitePage[] = [];
  for (const path of groups.flatMap((group) => group.pages)) {
    const text = await Deno.readTextFile(join(root, path));
    pages.push({ path, title: titleOf(path, text), text });
  }
  const known = new Set(pages.map(({ path }) => path));
  const linked = new Set(
    pages.flatMap(({ path, text }) => linkedPaths(path, text)),
  );
  return {
    pages,
    files: [...linked].filter((path) => !known.has(path)).toSorted(),
  };
}

/** Where a page lies in the site: a README is the index of its folder. */
export function sitePath(path: string): string {
  return path.replace(/(^|\/)README\.md$/, "$1index.md");
}

/** The sidebar. The groups behind the first one are closed until the reader opens them or one of their pages. */
export function sidebarOf(
  groups: readonly PageGroup[],
  pages: readonly SitePage[],
): Sidebar {
  const titles = new Map(pages.map(({ path, title }) => [path, title]));
  return groups.map(({ title, pages }, at) => ({
    text: title,
    collapsed: at > 0,
    items: pages.map((path) => ({
      text: titles.get(path) ?? path,
      link: linkTo(path),
    })),
  }));
}

function linkTo(path: string): string {
  return `/${sitePath(path).replace(/(index)?\.md$/, "")}`;
}

function titleOf(path: string, text: string): string {
  const title = /^# (.+)$/m.exec(text)?.[1];
  if (title === undefined) {
    throw new Error(`Cannot build the site: ${path} has no heading.`);
  }
  return title.replaceAll("`", "");
}

/** The files of the repository that a page links to. Links within fenced blocks are examples. */
function linkedPaths(page: string, text: string): string[] {
  const prose = text.replaceAll(/^( *)(`{3,}).*\n(?:.*\n)*?\1\2 *$/gm, "");
  return [...prose.matchAll(/\]\(<?([^)\s>#]+)/g)].flatMap(([, target = ""]) =>
    /^[a-z]+:/.test(target) ? [] : [normalize(join(dirname(page), decodeURIComponent(target)))]
  );
}
