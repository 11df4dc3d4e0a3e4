/**
 * The commit of the clone that a program runs from.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";

/**
 * The commit that is checked out in the folder of a clone or of a worktree. It is read from git's files, since no
 * process may be started.
 *
 * @returns 40 or 64 hexadecimal digits; `undefined` if this is no clone, or its references are kept in another form.
 */
export async function checkedOutCommit(root: string): Promise<string | undefined> {
  const folder = await gitFolder(join(root, ".git"));
  const head = await text(join(folder, "HEAD"));
  const [, name] = /^ref: (refs\/\S+)$/.exec(head) ?? [];
  if (name === undefined) return asCommit(head);
  // A worktree has a HEAD of its own and shares the references.
  const shared = join(folder, await text(join(folder, "commondir")) || ".");
  for (const place of [folder, shared]) {
    const commit = asCommit(await text(join(place, name)));
    if (commit !== undefined) return commit;
  }
  const packed = (await text(join(shared, "packed-refs"))).split("\n").find((row) => row.endsWith(` ${name}`));
  return asCommit(packed?.split(" ")[0] ?? "");
}

async function gitFolder(path: string): Promise<string> {
  const [, elsewhere] = /^gitdir: (.+)$/.exec(await text(path)) ?? [];
  if (elsewhere === undefined) return path;
  return isAbsolute(elsewhere) ? elsewhere : join(path, "..", elsewhere);
}

async function text(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).trimEnd();
  } catch {
    return "";
  }
}

function asCommit(value: string): string | undefined {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value) ? value : undefined;
}
