/**
 * Folders of this node: modes, owners and free space.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config } from "../../../config/config.ts";
import type { HostFiles, HostStat } from "../../../config/apiserver/host_files.ts";
import { type DoctorFinding, found } from "./finding.ts";

/** Bytes of free space: less than the first is a warning, less than the second stops new key IDs. */
const space = { low: 100 * 1024 * 1024, none: 4 * 1024 * 1024 } as const;

/** The free bytes of the file system of a path, for users other than root; `undefined` if they cannot be read. */
export type FreeBytes = (path: string) => Promise<number | undefined>;

/** The free bytes by statfs(2), which needs `--allow-sys=statfs`. */
export async function freeBytesOf(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** Examines the folders that the configuration names. */
export async function folderFindings(
  config: Pick<Config, "state" | "socket" | "telemetry"> & { readonly keyring: Pick<Config["keyring"], "isWritten"> },
  files: HostFiles,
  freeBytes: FreeBytes,
): Promise<readonly DoctorFinding[]> {
  const { state, socket, telemetry: { audit }, keyring } = config;
  const auditFolder = audit === undefined || audit === "stdout" ? [] : [dirname(audit)];
  const written = [...new Set([state, ...auditFolder])];
  const parts = await Promise.all([
    folder(state, "0700", files),
    ...keyring.isWritten ? [] : [folder(dirname(socket.path), "0755", files)],
    ...auditFolder.filter((path) => path !== state).map((path) => folder(path, "0755", files)),
    stateFiles(state, files),
    ...written.map((path) => spaceOf(path, files, freeBytes)),
  ]);
  return parts.flat();
}

/** @param mode that the folder is to have, for its cure; one of 0700 must not be readable for others. */
async function folder(path: string, mode: "0700" | "0755", files: HostFiles): Promise<readonly DoctorFinding[]> {
  const stat = await files.stat(path);
  if (stat === "absent") return [found("folder-absent", { path, mode })];
  if (stat === "forbidden") return [found("folder-unexamined", { path })];
  const isSticky = (stat.mode & 0o1000) !== 0;
  if ((stat.mode & 0o002) !== 0 && !isSticky) return [found("folder-open", { path, mode: octalText(stat.mode) })];
  if (mode === "0700" && (stat.mode & 0o004) !== 0) {
    return [found("folder-readable", { path, mode: octalText(stat.mode) })];
  }
  return [found("folder-well", { path, mode: octalText(stat.mode), owner: ownerText(stat) })];
}

/** A file of root in the state folder of another user is left by a command that root has run by hand. */
async function stateFiles(state: string, files: HostFiles): Promise<readonly DoctorFinding[]> {
  const own = await files.stat(state);
  if (typeof own === "string" || own.uid === 0) return [];
  const parts = await Promise.all((await files.names(state)).map(async (name) => {
    const path = `${state}/${name}`;
    const stat = await files.stat(path);
    if (typeof stat === "string" || stat.uid === own.uid) return [];
    return [found("file-foreign", { path, folder: state, owner: `${stat.uid}`, folderOwner: `${own.uid}` })];
  }));
  return parts.flat();
}

async function spaceOf(path: string, files: HostFiles, freeBytes: FreeBytes): Promise<readonly DoctorFinding[]> {
  if (typeof await files.stat(path) === "string") return [];
  const bytes = await freeBytes(files.place(path));
  if (bytes === undefined) return [found("space-unknown", { path })];
  const free = `${(bytes / 1024 / 1024).toFixed(bytes < space.low ? 1 : 0)} MiB`;
  return [found(bytes < space.none ? "space-none" : bytes < space.low ? "space-low" : "space-enough", { path, free })];
}

/** The mode in the form that chmod takes. */
export function octalText(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** Numbers of user and group in the form that chown takes. */
export function ownerText({ uid, gid }: Pick<HostStat, "uid" | "gid">): string {
  return `${uid}:${gid}`;
}
