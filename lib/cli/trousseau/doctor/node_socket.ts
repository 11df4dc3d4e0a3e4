/**
 * Whether kube-apiserver's user may connect to the socket of the plugin.
 *
 * @module
 */
import { dirname } from "node:path";
import type { ApiServerStart } from "../../../config/apiserver/api_server.ts";
import type { HostFiles, HostStat } from "../../../config/apiserver/host_files.ts";
import { type DoctorFinding, found } from "./finding.ts";
import { octalText, ownerText } from "./node_folders.ts";

/** The account of kube-apiserver. */
type Account = Pick<ApiServerStart, "user" | "groups">;

/** Permission bits of unix(7): connecting needs `write` on the socket and `search` on each folder of its path. */
const access = { write: 2, search: 1 } as const;

/** Examines the socket. Without a kube-apiserver on this node its user is taken to be root. */
export async function socketFindings(
  path: string,
  apiServer: Account | undefined,
  files: HostFiles,
): Promise<readonly DoctorFinding[]> {
  const socket = await files.stat(path);
  if (socket === "absent") return [found("socket-absent", { path })];
  if (socket === "forbidden") return [found("folder-unexamined", { path })];
  if ((socket.mode & 0o002) !== 0) return [found("socket-open", { path, mode: octalText(socket.mode) })];
  const account = apiServer ?? { user: 0, groups: [0] };
  const user = `${account.user}`;
  const closed = await closedPlace(path, socket, account, files);
  if (closed === undefined) return [found("socket-reachable", { user, path })];
  const { place, stat } = closed;
  return [found("socket-closed", { user, path, place, mode: octalText(stat.mode), owner: ownerText(stat) })];
}

async function closedPlace(path: string, socket: HostStat, account: Account, files: HostFiles) {
  for (const place of foldersOf(path)) {
    const stat = await files.stat(place);
    if (typeof stat === "string") continue;
    if (!permits(stat, access.search, account)) return { place, stat };
  }
  return permits(socket, access.write, account) ? undefined : { place: path, stat: socket };
}

function permits({ mode, uid, gid }: HostStat, bit: number, { user, groups }: Account): boolean {
  if (user === 0) return true;
  const shift = user === uid ? 6 : groups.includes(gid) ? 3 : 0;
  return ((mode >> shift) & bit) !== 0;
}

/** The folders of a path, outermost first. */
function foldersOf(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path
    ? [path]
    : [...foldersOf(folder), folder].filter((one, index, all) => all.indexOf(one) === index);
}
