/**
 * Makes a release.
 *
 * `deno task release [--key FILE] [--out FOLDER] [--stand-in]` fills `dist/`, in the place of its content from before.
 * A key with a password is opened with the first line of standard input. `SOURCE_DATE_EPOCH` is the time of every file;
 * if it is not set, that is the time of the commit.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { SourceMark } from "../../lib/base/version.ts";
import { formatSums } from "../../lib/release/sums.ts";
import { say, sayFailure } from "../compile/compile.ts";
import { sourceOf } from "../compile/source.ts";
import { repository } from "../compile/stage.ts";
import { makeRelease } from "./make_release.ts";
import { releaseParts } from "./parts.ts";
import { compileBinaries } from "./release_binaries.ts";
import { hasPassword, readSigningKey, type SigningKey } from "./secret_key.ts";

const note = (line: string) => say(Deno.stderr, line);

/** The commit to release. @throws {Error} if it is unknown. */
async function releasedSource(root: string): Promise<SourceMark> {
  const source = await sourceOf(root);
  if (source !== undefined) return source;
  throw new Error(`Cannot release ${root}: neither git nor git archive says its commit.`);
}

/** The time of all files, in seconds since 1970. */
function sourceDateOf({ time }: SourceMark): number {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  if (given === undefined || given === "") return time;
  if (/^\d{1,11}$/.test(given)) return Number(given);
  throw new Error(`Cannot use SOURCE_DATE_EPOCH: "${given}" is no number of seconds since 1970.`);
}

async function signingKey(path: string | undefined): Promise<SigningKey | undefined> {
  if (path === undefined) {
    await note("Note: without --key FILE the release is not signed.");
    return undefined;
  }
  const text = await Deno.readTextFile(path);
  if (!hasPassword(text)) return readSigningKey(text);
  if (Deno.stdin.isTerminal()) {
    throw new Error(`Cannot open ${path}: it has a password. Pass that on standard input.`);
  }
  const [password] = (await new Response(Deno.stdin.readable).text()).split("\n");
  return readSigningKey(text, password);
}

async function release(
  options: { key?: string; out?: string; "stand-in"?: boolean },
  signal: AbortSignal,
): Promise<void> {
  const root = repository;
  const dist = resolve(options.out ?? join(root, "dist"));
  const source = await releasedSource(root);
  const key = await signingKey(options.key);
  const steps = {
    key,
    parts: releaseParts,
    binaries: async (folder: string) => {
      const standIn = options["stand-in"] ?? false;
      const binaries = await compileBinaries({ root, dist: folder, standIn, note }, signal);
      if (!source.modified) return binaries;
      if (binaries.some(({ runtime }) => !runtime.standIn)) {
        throw new Error(`Cannot release ${root}: its source differs from the commit. Commit the changes first.`);
      }
      await note("Note: the source differs from its commit.");
      return binaries;
    },
  };
  const sums = await makeRelease(
    dist,
    { root, commit: source.commit, sourceDate: sourceDateOf(source) },
    steps,
    signal,
  );
  await Deno.stdout.write(new TextEncoder().encode(formatSums(sums)));
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { key: { type: "string" }, out: { type: "string" }, "stand-in": { type: "boolean" } },
  });
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(
      name,
      () => stop.abort(new Error("Stopped before the release was whole; dist is as it was.")),
    );
  }
  try {
    await release(values, stop.signal);
  } catch (thrown) {
    await sayFailure(thrown);
  }
}
