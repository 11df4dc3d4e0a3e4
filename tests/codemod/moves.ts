/**
 * Moves files by a table, and rewrites each mention of their paths: import specifiers, `import.meta.url` addresses, and
 * paths in prose, tasks and tests.
 *
 *     deno task move tests/codemod/layout.json
 *
 * A key that ends with `/` moves a folder; the longest key wins. A test follows the file whose name it bears. A row whose
 * source is gone is skipped, so that the table can be applied again to a branch that was made before it.
 *
 * @module
 */
import { dirname, join, relative, resolve } from "node:path";

const textual = /\.(?:ts|md|json|ya?ml|sh|py)$|^\.ci\/run$|^Dockerfile$/;
const literal = /"(\.{1,2}\/[^"\n]*)"/g;
const loading = /(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*|\bnew URL\(\s*)$/;
const mention = /(?<![\w./-])(?:\.\/)?((?:lib|tests)\/[\w./-]*\w)/g;

/** The new path of each tracked file. */
export function destinations(
  files: readonly string[],
  table: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const folders = Object.keys(table).filter((key) => key.endsWith("/")).toSorted((a, b) => b.length - a.length);
  const destination = (file: string): string => {
    const tested = file.replace(/_test\.ts$/, ".ts");
    const own = table[file];
    if (own !== undefined) return own;
    const followed = table[tested];
    if (followed !== undefined) return followed.replace(/\.ts$/, "_test.ts");
    const folder = folders.find((key) => file.startsWith(key));
    return folder === undefined ? file : `${table[folder]}${file.slice(folder.length)}`;
  };
  return new Map(files.map((file) => [file, destination(file)]));
}

/** The text of a file after the move of it and of others. */
export function rewritten(text: string, file: string, moved: ReadonlyMap<string, string>): string {
  const here = moved.get(file) ?? file;
  const code = file.endsWith(".ts")
    ? text.replace(literal, (whole: string, path: string, at: number) => {
      const target = relative(".", resolve(dirname(file), path));
      const tracked = moved.get(target);
      // A folder, or a file that is made later, keeps its place.
      if (tracked === undefined && !loading.test(text.slice(Math.max(0, at - 20), at))) return whole;
      const there = tracked ?? target;
      if (there === target && here === file) return whole;
      const written = relative(dirname(here), there);
      const slash = path.endsWith("/") && written !== "" ? "/" : "";
      return `"${written.startsWith(".") ? written : `./${written}`}${slash}"`;
    })
    : text;
  return code.replace(mention, (whole: string, path: string) => {
    const there = moved.get(path);
    return there === undefined || there === path ? whole : whole.replace(path, there);
  });
}

async function git(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", { args: [...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Applies the table in the working tree of the current folder. */
export async function move(tableFile: string): Promise<number> {
  const table = JSON.parse(await Deno.readTextFile(tableFile)) as Record<string, string>;
  const files = (await git("ls-files")).trim().split("\n");
  const moved = destinations(files, table);
  for (const file of files.filter((one) => textual.test(one) && !one.startsWith("tests/codemod/"))) {
    const text = await Deno.readTextFile(file);
    const after = rewritten(text, file, moved);
    if (after !== text) await Deno.writeTextFile(file, after);
  }
  let count = 0;
  for (const [from, to] of moved) {
    if (from === to) continue;
    await Deno.mkdir(dirname(join(".", to)), { recursive: true });
    await git("mv", from, to);
    count++;
  }
  return count;
}

if (import.meta.main) {
  const [table] = Deno.args;
  if (table === undefined) throw new Error("Name a table: deno task move tests/codemod/layout.json");
  await Deno.stdout.write(new TextEncoder().encode(`${await move(table)} files moved\n`));
}
