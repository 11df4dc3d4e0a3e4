/**
 * A folder for the time of one step.
 *
 * @module
 */

/** Runs `step` with an empty folder, by its absolute path without links, and removes the folder. */
export async function inTemporaryFolder<Result>(
  options: Deno.MakeTempOptions,
  step: (folder: string) => Promise<Result>,
): Promise<Result> {
  // TMPDIR can be relative or a link, and subcommands run in other folders.
  const folder = await Deno.realPath(await Deno.makeTempDir(options));
  try {
    return await step(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
