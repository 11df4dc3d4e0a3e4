/**
 * A folder for one test.
 *
 * @module
 */

/** Runs `work` in a new empty folder, and removes the folder with its content afterwards, also after an error. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
