/**
 * The files of another commit of this repository.
 *
 * @module
 */
import { join } from "node:path";
import { repository } from "../../deploy/compile/stage.ts";
import { run } from "./processes.ts";

/**
 * Unpacks the files of a commit into a folder, which is made if it does not exist.
 *
 * @throws {Error} with the command that fetches the commit, if this clone does not contain it.
 */
export async function unpackRevision(revision: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const tar = join(folder, ".source.tar");
  const archived = await run("git", ["-C", repository, "archive", "--output", tar, revision]);
  if (archived.code !== 0) {
    throw new Error(
      `This clone lacks commit ${revision}. Run \`git fetch origin ${revision}\`, or clone without --depth.`,
    );
  }
  const unpacked = await run("tar", ["-xf", tar, "-C", folder]);
  if (unpacked.code !== 0) throw new Error(`Cannot unpack commit ${revision}: ${unpacked.stderr}`);
  await Deno.remove(tar);
}
