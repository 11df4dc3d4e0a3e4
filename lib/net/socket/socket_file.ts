/**
 * The file of a Unix socket: what stands at its path, and how ours gets there.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { lchownSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { hex, utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import { whyUnwritable } from "../../base/file_failures.ts";
import { folderOwner } from "../../base/file_owner.ts";
import { isRefusal } from "../../base/system_failures.ts";
import type { Listener } from "../grpc/server.ts";

/** Where a socket stands and who may connect to it. */
export interface SocketPlace {
  readonly path: string;
  /** For instance 0o600. Connecting needs the right to write. */
  readonly mode: number;
  /** Numeric; `undefined` leaves it as it was made. */
  readonly owner: number | undefined;
  readonly group: number | undefined;
}

/**
 * What stands at a path: a socket is `stale` if a connection to it was refused, `denied` if this user may not connect, so
 * that nothing is known of it, and else `live`.
 */
export type SocketFileFound = "absent" | "live" | "stale" | "denied" | "symlink" | "other";

/** A socket in its place. */
export interface PlacedSocket {
  readonly listener: Listener;
  /** Whether the file at the path is still the one that was put there. Ask before the listener is closed: from then on
   * the file system may give the same inode number to somebody else. */
  inPlace(): boolean;
}

// `sun_path` has 108 bytes in Linux, one of them for the closing zero: unix(7).
const maxPathBytes = 107;

/** Looks at what stands at a path, and knocks if it is a socket. */
export async function look(path: string): Promise<SocketFileFound> {
  const info = fileInfo(path);
  if (info === undefined) return "absent";
  if (info.isSymlink) return "symlink";
  if (!info.isSocket) return "other";
  return await knock(path);
}

// Only a refused connection proves that nobody listens. A full backlog proves nothing.
async function knock(path: string): Promise<SocketFileFound> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return "live";
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return "stale";
    if (error instanceof Deno.errors.PermissionDenied) return "denied";
    return error instanceof Deno.errors.NotFound ? "absent" : "live";
  }
}

/**
 * Makes the folder of a socket if it is not there. Everybody may pass through it and nobody but us may list it: the
 * socket's own mode says who may connect.
 *
 * @throws {KmsError} `config`
 */
export function makeFolder(path: string): void {
  const folder = dirname(path);
  try {
    if (fileInfo(folder) !== undefined) return;
    Deno.mkdirSync(folder, { recursive: true });
    Deno.chmodSync(folder, 0o711);
  } catch (error) {
    throw new KmsError("config", `Cannot make the folder "${folder}": ${whyUnwritable(error, path)}.`, {
      cause: error,
    });
  }
}

/**
 * Binds a socket and puts it into its place, over whatever is there.
 *
 * It is bound in a fresh folder that only we may enter and renamed when its mode and owner are right: so at no moment
 * can it be reached by anybody else, whatever the umask, and at no moment is there no socket at the path.
 *
 * @throws {KmsError} `config`
 */
export async function placeSocket(
  listen: (path: string) => Promise<Listener>,
  place: SocketPlace,
): Promise<PlacedSocket> {
  const folder = join(dirname(place.path), temporaryName());
  const temporary = join(folder, "s");
  let listener: Listener | undefined;
  try {
    Deno.mkdirSync(folder, { mode: 0o700 });
    listener = await listen(temporary);
    Deno.chmodSync(temporary, place.mode);
    giveSocket(temporary, place);
    const ours = Deno.lstatSync(temporary);
    Deno.renameSync(temporary, place.path);
    return { listener, inPlace: () => sameFile(ours, place.path) };
  } catch (error) {
    listener?.close();
    if (error instanceof KmsError) throw error;
    throw new KmsError("config", `Cannot make the socket "${place.path}": ${whyUnwritable(error, place.path)}.`, {
      cause: error,
    });
  } finally {
    removeQuietly(folder);
  }
}

/**
 * Gives a socket to its configured owner and group. Where none are configured, one that root makes belongs to who owns the
 * folder: left behind, it can be looked at and replaced by the service's own user.
 */
function giveSocket(temporary: string, { path, owner, group }: SocketPlace): void {
  const { uid, gid } = Deno.lstatSync(temporary);
  const folder = uid === 0 ? folderOwner(path) : undefined;
  const [newUid, newGid] = [owner ?? folder?.uid ?? uid, group ?? folder?.gid ?? gid];
  if (newUid === null || newGid === null || (newUid === uid && newGid === gid)) return;
  try {
    // A symlink is not followed: the folder may belong to another user, and this user could put one there.
    lchownSync(temporary, newUid, newGid);
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    const why = newUid === uid
      ? whyNotGroup(newGid)
      : `only root may give it to user ${newUid} (this is user ${uid}); ` +
        `start it as that user, or leave the owner out of the configuration`;
    throw new KmsError("config", `Cannot make the socket "${path}": ${why}.`, { cause });
  }
}

/** Which groups this user is in cannot be asked without a permission that the program does not have. */
function whyNotGroup(group: number): string {
  return `the system does not let this user give it to group ${group}, which the user is not in; add the user of the ` +
    `service to it (SupplementaryGroups=${group} in the unit, supplementalGroups in a pod), or leave the group out of ` +
    "the configuration";
}

/**
 * Checks that a path can name a socket, and its temporary name too.
 *
 * @throws {KmsError} `config`
 */
export function checkPath(path: string): void {
  const longest = Math.max(utf8(path).length, utf8(join(dirname(path), temporaryName(), "s")).length);
  if (longest > maxPathBytes) {
    const room = maxPathBytes - longest + utf8(path).length;
    throw new KmsError(
      "config",
      `Cannot serve on "${path}": in this folder a socket's path has ${room} bytes at most.`,
    );
  }
  if (basename(path) === "" || path.includes("\0")) {
    throw new KmsError("config", `Cannot serve on "${path}": it is no path of a file.`);
  }
}

/** Whether a file that was looked at before is the one at `path` now. */
export function sameFile(known: Deno.FileInfo, path: string): boolean {
  const now = fileInfo(path);
  return now !== undefined && now.ino === known.ino && now.dev === known.dev;
}

function temporaryName(): string {
  return `.t-${hex(randomBytes(3))}`;
}

/** The file at a path, a symlink itself and not its target; `undefined` where there is nothing. */
export function fileInfo(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function removeQuietly(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // An empty folder left behind harms nobody, and the failure that led here is the one to be told.
  }
}
