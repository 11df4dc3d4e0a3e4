/**
 * Determines whether file descriptors are free. The limit cannot be read: the process has no permission for `/proc`.
 *
 * @module
 */

/** Whether `count` descriptors are free now. It opens as many and closes them again. */
export function areFree(count: number): boolean {
  const opened: Deno.FsFile[] = [];
  try {
    // The root folder always exists, and every user can open it for reading.
    while (opened.length < count) opened.push(Deno.openSync("/", { read: true }));
    return true;
  } catch (thrown) {
    // Any other failure has a different cause than descriptors.
    return !isShortage(thrown);
  } finally {
    for (const one of opened) one.close();
  }
}

/** Whether the process (EMFILE) or the machine (ENFILE) has no descriptor left. */
function isShortage(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && (thrown.code === "EMFILE" || thrown.code === "ENFILE");
}
