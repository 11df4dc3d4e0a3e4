/**
 * Reads the Markdown of the repository: its pages, their headings, links and fenced blocks.
 *
 * @module
 */
import { join } from "node:path";

/** A fenced block. */
export interface Block {
  /** Path of the page from the root of the repository, and the number of the block's first line, from 1. */
  readonly place: string;
  /** The first word behind the fence; `""` if there is none. */
  readonly language: string;
  /** The words behind the language. */
  readonly info: string;
  /** Its lines, without the indentation of the fence. */
  readonly text: string;
}

/** A link to a page, an anchor or an address. */
export interface Link {
  readonly place: string;
  readonly target: string;
}

/** One page. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** The texts between backquotes outside of fenced blocks. */
  readonly code: readonly { readonly place: string; readonly text: string }[];
  /** The `#fragment` of each heading, as GitHub makes it. */
  readonly anchors: ReadonlySet<string>;
}

const root = new URL("../..", import.meta.url).pathname;
/** Folders that hold no pages of the repository. */
const skipped = [".git", "dist", "run", "node_modules"];

/** Every page of the repository, in the order of their paths. */
export async function readPages(): Promise<readonly Page[]> {
  const paths: string[] = [];
  for await (const path of markdownFiles("")) paths.push(path);
  return await Promise.all(
    paths.toSorted().map(async (path) => readPage(path, await Deno.readTextFile(join(root, path)))),
  );
}

async function* markdownFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = join(folder, name);
    if (isDirectory && !skipped.includes(name)) yield* markdownFiles(path);
    else if (name.endsWith(".md")) yield path;
  }
}

/** Code in a paragraph: a line may end in it, the paragraph may not. */
const codeSpan = /`((?:[^`\n]|\n(?!\s*\n))+)`/g;

/** Reads one page. @param path what the places of the result begin with. */
export function readPage(path: string, text: string): Page {
  const { blocks, prose } = split(path, text);
  const whole = prose.join("\n");
  const plain = whole.replaceAll(codeSpan, (span) => span.replaceAll(/[^\n]/g, "")).split("\n");
  return {
    path,
    blocks,
    links: plain.flatMap((line, at) => linksOf(line).map((target) => ({ place: `${path}:${at + 1}`, target }))),
    code: [...whole.matchAll(codeSpan)].map(({ 1: text = "", index }) => ({
      place: `${path}:${whole.slice(0, index).split("\n").length}`,
      text: text.replaceAll(/\s+/g, " "),
    })),
    anchors: anchorsOf(prose),
  };
}

/** The blocks, and the lines outside of them: a line of a block is empty there, so that the numbers stay. */
function split(path: string, text: string): { blocks: readonly Block[]; prose: readonly string[] } {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open:
    | { fence: string; indent: number; language: string; info: string; line: number; lines: string[] }
    | undefined;
  text.split("\n").forEach((line, at) => {
    const [, indent = "", fence = "", rest = ""] = /^( *)(`{3,})(.*)$/.exec(line) ?? [];
    if (open === undefined) {
      const [language = "", ...info] = rest.trim().split(/\s+/);
      if (fence !== "") {
        open = { fence, indent: indent.length, language, info: info.join(" "), line: at + 1, lines: [] };
      }
      prose.push(fence === "" ? line : "");
      return;
    }
    prose.push("");
    if (fence === open.fence && rest.trim() === "") {
      blocks.push({
        place: `${path}:${open.line}`,
        language: open.language,
        info: open.info,
        text: `${open.lines.join("\n")}\n`,
      });
      open = undefined;
    } else open.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
  });
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block has no end.`);
  return { blocks, prose };
}

/** Targets of `[text](target)`, `<https://…>` and `[label]: target`. */
function linksOf(line: string): readonly string[] {
  const found = [
    ...line.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...line.matchAll(/<(https?:[^>]+)>/g),
    ...line.matchAll(/^\s*\[[^\]]+\]:\s+(\S+)/g),
  ];
  return found.flatMap(([, target]) => target === undefined ? [] : [target]);
}

/** As GitHub makes them: small letters, no punctuation but `-` and `_`, `-` for a space, a number behind a repeated one. */
function anchorsOf(prose: readonly string[]): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of prose) {
    const [, heading] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
    if (heading !== undefined) addAnchor(anchors, slug(heading));
    for (const [, id = ""] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  }
  return anchors;
}

function slug(heading: string): string {
  const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/(^|\s)_([^_`]+)_(?=\W|$)/g, "$1$2");
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "").replaceAll(" ", "-");
}

function addAnchor(anchors: Set<string>, wanted: string): void {
  let anchor = wanted;
  for (let count = 1; anchors.has(anchor); count++) anchor = `${wanted}-${count}`;
  anchors.add(anchor);
}
