/**
 * Builds the site of the documentation: `deno task site [FOLDER]`, by default `dist/site`.
 *
 * The folder can be served by any web server. The search works in the browser, and nothing is loaded from elsewhere.
 *
 * @module
 */
import { cp } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { say } from "../compile/compile.ts";
import { ifAbsent, requireReplaceable } from "../compile/output_folder.ts";
import { deno, repository } from "../compile/stage.ts";
import { inTemporaryFolder } from "../compile/temporary.ts";
import { navigation } from "./navigation.ts";
import { readSite, sidebarOf, type Site, sitePath } from "./pages.ts";
import { deadLinks } from "./site_links.ts";

/** The permissions of VitePress: its bundler is a native library, and esbuild a process. */
const rights = ["read", "write", "env", "sys", "ffi", "run", "net"].map((kind) => `--allow-${kind}`);

/** The file that says that a folder is a site of ours. */
const siteMark = ".trousseau-site";

/**
 * Builds the site into a folder, in the place of a site from before.
 *
 * @returns a sentence for each link that leads nowhere.
 * @throws {Error} if the folder has other files than a site's, or the site cannot be built.
 */
export async function buildSite(folder: string): Promise<string[]> {
  await requireReplaceable({ path: folder, root: repository, isOutput: isSite });
  await inTemporaryFolder({ prefix: "trousseau-site-" }, async (work) => {
    await writeSources(work, await readSite(repository, navigation));
    await deno(["install", "--quiet", "--frozen"], work);
    await deno(["run", "--quiet", "--no-prompt", ...rights, "npm:vitepress@1.6.4", "build", "."], work);
    await Deno.remove(folder, { recursive: true }).catch(ifAbsent);
    await Deno.mkdir(dirname(folder), { recursive: true });
    await Deno.writeTextFile(join(work, "out", siteMark), "Made by deno task site, which replaces this folder.\n");
    await cp(join(work, "out"), folder, { recursive: true });
  });
  return await deadLinks(folder);
}

/** Whether a folder has the mark, and is no clone that publishes a site. */
function isSite(names: readonly string[]): boolean {
  return names.includes(siteMark) && !names.includes(".git");
}

async function writeSources(work: string, site: Site): Promise<void> {
  const own = join(repository, "deploy/site");
  for (const name of ["deno.json", "deno.lock"]) await Deno.copyFile(join(own, name), join(work, name));
  const sidebar = sidebarOf(navigation, site.pages);
  await write(join(work, ".vitepress/site.json"), JSON.stringify({ sidebar, files: site.files }));
  await write(join(work, ".vitepress/config.mjs"), await Deno.readTextFile(join(own, "config.mjs")));
  for (const { path, text } of site.pages) await write(join(work, sitePath(path)), text);
  for (const path of site.files) {
    await write(join(work, "public", `${path}.txt`), await Deno.readTextFile(join(repository, path)));
  }
}

async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

if (import.meta.main) {
  const folder = resolve(Deno.args[0] ?? join(repository, "dist/site"));
  const faults = await buildSite(folder);
  await say(Deno.stdout, [...faults, folder].join("\n"));
  Deno.exitCode = faults.length === 0 ? 0 : 1;
}
