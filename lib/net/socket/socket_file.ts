/**
 * The file of a Unix socket: the kind of file at its path, and the placement of a new socket.
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

/** Path and access rights of a socket. */
export interface SocketPlace {
  /** Path of the socket. */
  readonly path: string;
  /** Mode bits, for instance 0o600. Connecting requires write permission. */
  readonly mode: number;
  /** Numeric user ID; `undefined` keeps the default. */
  readonly owner: number | undefined;
  /** Numeric group ID; `undefined` keeps the default. */
  readonly group: number | undefined;
}

/**
 * The kind of file at a path. A socket is `stale` if it refused a connection, `denied` if this user must not connect
 * (so that its state is unknown), otherwise `live`.
 */
export type SocketFileFound = "absent" | "live" | "stale" | "denied" | "symlink" | "other";

/** A socket at its path. */
export interface PlacedSocket {
  readonly listener: Listener;
  /**
   * Whether the file at the path is still the one that was placed. Call this before the listener is closed: after that,
   * the file system can assign the same inode number to another file.
   */
  inPlace(): boolean;
}

// `sun_path` has 108 bytes on Linux, with a terminating zero: unix(7).
const maxPathBytes = 107;

/** Determines the kind of file at a path, and connects to a socket. */
export async function inspectSocket(path: string): Promise<SocketFileFound> {
  const info = fileInfo(path);
  if (info === undefined) return "absent";
  if (info.isSymlink) return "symlink";
  if (!info.isSocket) return "other";
  return await probe(path);
}

// Only a refused connection proves that no process listens. A full backlog proves nothing.
async function probe(path: string): Promise<SocketFileFound> {
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
 * Creates the folder of a socket if it does not exist.
 *
 * @param mode by default 0711: all users can pass through, only the owner can list it, and the socket's own mode controls
 *   connections.
 * @throws {KmsError} `config` if the folder cannot be created.
 */
export function makeFolder(path: string, mode = 0o711): void {
  const folder = dirname(path);
  try {
    if (fileInfo(folder) !== undefined) return;
    Deno.mkdirSync(folder, { recursive: true, mode });
    Deno.chmodSync(folder, mode);
  } catch (error) {
    throw new KmsError("config", `Cannot make the folder "${folder}": ${whyUnwritable(error, path)}.`, {
      cause: error,
    });
  }
}

/**
 * Binds a socket and moves it to its path, replacing an existing file.
 *
 * It is bound in a new folder with mode 0700, and renamed after its mode and owner are set. Therefore no other user can
 * connect to it before, whatever the umask, and the path never lacks a socket in between.
 *
 * @param listen listens on a path that does not exist yet
 * @throws {KmsError} `config` if the system refuses the socket or the change of its owner.
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
    setSocketOwner(temporary, place);
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
 * Sets the configured owner and group of a socket. Without them, a socket that root creates gets those of the folder,
 * so that the service's user can examine and replace it later.
 */
function setSocketOwner(temporary: string, { path, owner, group }: SocketPlace): void {
  const { uid, gid } = Deno.lstatSync(temporary);
  const folder = uid === 0 ? folderOwner(path) : undefined;
  const [newUid, newGid] = [owner ?? folder?.uid ?? uid, group ?? folder?.gid ?? gid];
  if (newUid === null || newGid === null || (newUid === uid && newGid === gid)) return;
  try {
    // `lchown` does not follow a symbolic link: the folder can belong to another user, who could place one there.
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

/**
 * The message for a group that this user is not in. The groups of a user cannot be read without a permission that the
 * program does not have.
 */
function whyNotGroup(group: number): string {
  return `the system does not let this user give it to group ${group}, which the user is not in; add the user of the ` +
    `service to it (SupplementaryGroups=${group} in the unit, supplementalGroups in a pod), or leave the group out of ` +
    "the configuration";
}

/**
 * Checks that a path is valid for a socket, and its temporary name too.
 *
 * @throws {KmsError} `config` if the path is too long or does not name a file.
 */
export function checkPath(path: string): void {
  const maxLength = Math.max(utf8(path).length, utf8(join(dirname(path), temporaryName(), "s")).length);
  if (maxLength > maxPathBytes) {
    const room = maxPathBytes - maxLength + utf8(path).length;
    throw new KmsError(
      "config",
      `Cannot serve on "${path}": in this folder a socket's path has ${room} bytes at most.`,
    );
  }
  if (basename(path) === "" || path.includes("\0")) {
    throw new KmsError("config", `Cannot serve on "${path}": it is no path of a file.`);
  }
}

/** Whether a file that was examined earlier is still the one at `path`. */
export function sameFile(known: Deno.FileInfo, path: string): boolean {
  const now = fileInfo(path);
  return now !== undefined && now.ino === known.ino && now.dev === known.dev;
}

function temporaryName(): string {
  return `.t-${hex(randomBytes(3))}`;
}

/** Information about the file at a path, without following a symbolic link; `undefined` if there is none. */
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
    // An empty folder that remains is harmless, and the original error must be reported.
  }
}
