/**
 * Descriptors that the process may still open. Its limit cannot be read: `/proc` is closed to it.
 *
 * @module
 */

/** Whether so many descriptors are free now, found out by opening as many and closing them again. */
export function areFree(count: number): boolean {
  const opened: Deno.FsFile[] = [];
  try {
    // The root folder is there and can be opened for reading everywhere.
    while (opened.length < count) opened.push(Deno.openSync("/", { read: true }));
    return true;
  } catch (thrown) {
    // Another failure says nothing of descriptors.
    return !isShortage(thrown);
  } finally {
    for (const one of opened) one.close();
  }
}

/** Whether the process (EMFILE) or the machine (ENFILE) has no descriptor left. */
function isShortage(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && (thrown.code === "EMFILE" || thrown.code === "ENFILE");
}
