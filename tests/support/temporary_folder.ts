/**
 * A folder for one test.
 *
 * @module
 */

/** Works in a new empty folder, and removes it with all that is in it, whatever happens. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
