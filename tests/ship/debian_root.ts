/**
 * Small Debian systems in a folder, made once from the mirror that this machine's apt uses.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { run } from "../support/processes.ts";

/** The packages of one system. */
export interface DebianRecipe {
  readonly suite: string;
  /** Packages besides the essential ones. */
  readonly packages: readonly string[];
}

/** A system that boots: systemd, its bus, and the libraries of the binaries. */
export const bootable = {
  suite: "bookworm",
  packages: ["systemd", "systemd-sysv", "dbus", "libgcc-s1", "procps", "logrotate"],
} as const satisfies DebianRecipe;

/** The same with rpm's own tool: no distribution that uses it can be had from Debian's mirror. */
export const bootableWithRpm = {
  ...bootable,
  packages: [...bootable.packages, "rpm"],
} as const satisfies DebianRecipe;

/**
 * The folder of a system; makes it the first time, which takes one to five minutes. Nothing writes to it afterwards.
 *
 * @throws {Error} without mmdebstrap, without root, or with the output of a run that failed.
 */
export async function debianRoot(recipe: DebianRecipe = bootable): Promise<string> {
  const cache = join(cacheHome(), "trousseau", "roots");
  await Deno.mkdir(cache, { recursive: true });
  const root = join(cache, `${recipe.suite}-${hashOf(recipe)}`);
  using lock = await Deno.open(`${root}.lock`, { create: true, write: true });
  // Two test runs at once make it once.
  await lock.lock(true);
  if (!await exists(root)) await make(recipe, root);
  return root;
}

async function make({ suite, packages }: DebianRecipe, root: string): Promise<void> {
  const fresh = `${root}.new`;
  await Deno.remove(fresh, { recursive: true }).catch(() => {});
  const args = ["--quiet", "--variant=minbase", `--include=${packages.join(",")}`, suite, fresh];
  const { code, stderr } = await run("mmdebstrap", args).catch((cause) => {
    throw new Error("Cannot make a Debian system: install Debian's package mmdebstrap.", { cause });
  });
  if (code !== 0) {
    throw new Error(`Cannot make a Debian system: mmdebstrap ended with ${code}.\n${stderr.slice(-4000)}`);
  }
  // Each machine that boots gets an ID of its own.
  await Deno.remove(join(fresh, "etc/machine-id")).catch(() => {});
  await Deno.rename(fresh, root);
}

function hashOf(recipe: DebianRecipe): string {
  return createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
}

function cacheHome(): string {
  return Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache");
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
