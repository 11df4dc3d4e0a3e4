/**
 * The mounts of kube-apiserver's static pod that encryption needs: the folder of the EncryptionConfiguration, and the folder
 * of each socket, at the same path on the node and in the container.
 *
 * @module
 */
import { posix } from "node:path";
import { KmsError } from "../../base/errors.ts";
import { field } from "../../net/https/fields.ts";
import { withoutVarRun } from "../socket_path.ts";
import type { ManifestLists } from "./manifest_lists.ts";
import { type ApiServerPod, hostPathOf } from "./static_pod.ts";

/** The files that kube-apiserver needs for encryption. Paths are absolute, and the same on the node and in the container. */
export interface EncryptionFiles {
  /** The EncryptionConfiguration. */
  readonly file: string;
  /** The sockets in it. */
  readonly sockets: readonly string[];
  /** Whether kube-apiserver reads a changed file without a restart. */
  readonly reload: boolean;
}

/** A folder of the node, to be mounted at the same path. */
export interface FolderMount {
  /** The name of the volume. */
  readonly name: string;
  readonly folder: string;
  readonly readOnly: boolean;
}

/** The part of a manifest that has mounts. */
interface Mounted {
  readonly path: string;
  readonly lists: Pick<ManifestLists, "mounts" | "volumes">;
  readonly pod: Pick<ApiServerPod, "mounts">;
}

/** The names of the volumes that an edit adds: of the configuration's folder, and of each socket's folder. */
const configVolume = "trousseau-encryption-config";
const socketVolume = "trousseau-socket";

/** Folders that a container needs as its image has them. */
const coveredFolder =
  /^\/(|bin|boot|dev|etc|home|lib|lib64|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|var\/(lib|run|log))$/;

/**
 * The mounts that a manifest lacks.
 *
 * @throws {KmsError} `config` for a folder that cannot be mounted.
 */
export function missingMounts(manifest: Mounted, { file, sockets }: EncryptionFiles): readonly FolderMount[] {
  const given = sockets.map((socket) => posix.dirname(socket));
  const folders = given.filter((folder, index) => given.findIndex((one) => isSamePath(one, folder)) === index);
  const wanted: readonly FolderMount[] = [
    { name: configVolume, folder: posix.dirname(file), readOnly: true },
    ...folders.map((folder, index) => ({
      name: index === 0 ? socketVolume : `${socketVolume}-${index + 1}`,
      folder,
      readOnly: false,
    })),
  ];
  const paths = [file, ...sockets];
  return wanted.filter(({ folder }, index) => {
    const isFirst = wanted.findIndex((one) => isSamePath(one.folder, folder)) === index;
    return isFirst && !isMounted(manifest, folder, paths);
  }).map((mount) => mountable(manifest, mount));
}

/** `/var/run` is `/run`, on the node and in the container. */
function isSamePath(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => withoutVarRun(path).replace(/(?<=.)\/$/, ""));
  return a === b;
}

/** Whether the container sees the folder of the node at the same path. */
function isMounted({ pod }: Mounted, folder: string, paths: readonly string[]): boolean {
  const below = paths.filter((path) => isSamePath(posix.dirname(path), folder));
  return below.every((path) => {
    const onNode = hostPathOf(pod, path);
    return onNode !== undefined && isSamePath(onNode, path);
  });
}

function mountable({ path, lists }: Mounted, mount: FolderMount): FolderMount {
  const refused = (why: string) => new KmsError("config", `Cannot edit ${path}: ${why}.`);
  const { folder, name } = mount;
  if (!posix.isAbsolute(folder) || posix.normalize(folder) !== folder || /[:\p{Cc}]/u.test(folder)) {
    throw refused(`${folder} is no absolute path of a folder that Kubernetes can mount`);
  }
  if (coveredFolder.test(folder)) {
    throw refused(`a mount of ${folder} would cover that folder of the container; use a folder of its own below it`);
  }
  const taken = [...lists.mounts.items, ...lists.volumes.items].find(({ value }) => {
    const mountPath = field(value, "mountPath");
    return nameOf(value) === name || (typeof mountPath === "string" && isSamePath(mountPath, folder));
  });
  if (taken !== undefined) throw refused(`it has a volume ${nameOf(taken.value)} already, which is not ${folder}`);
  return mount;
}

/** Whether an item of a list is a mount or a volume that an edit has added. */
export function isOwnMount(value: unknown): boolean {
  return /^trousseau-(encryption-config|socket(-\d+)?)$/.test(nameOf(value));
}

/** An item of `volumeMounts`, as lines. */
export function mountLines({ name, folder, readOnly }: FolderMount): readonly string[] {
  return [`mountPath: ${manifestScalar(folder)}`, `name: ${name}`, ...(readOnly ? ["readOnly: true"] : [])];
}

/** The same item, parsed. */
export function mountValue({ name, folder, readOnly }: FolderMount): unknown {
  return { mountPath: folder, name, ...(readOnly ? { readOnly } : {}) };
}

/** An item of `volumes`, as lines. `Directory` and not `DirectoryOrCreate`: a folder that kubelet creates belongs to root. */
export function volumeLines({ name, folder }: FolderMount): readonly string[] {
  return ["hostPath:", `  path: ${manifestScalar(folder)}`, "  type: Directory", `name: ${name}`];
}

/** The same item, parsed. */
export function volumeValue({ name, folder }: FolderMount): unknown {
  return { hostPath: { path: folder, type: "Directory" }, name };
}

/** A scalar of YAML: quoted as JSON, which is valid YAML, unless every reader takes it for the same text. */
export function manifestScalar(text: string): string {
  return /^(--[a-z-]+=)?[A-Za-z0-9/][A-Za-z0-9._/-]*$/.test(text) ? text : JSON.stringify(text);
}

function nameOf(value: unknown): string {
  const name = field(value, "name");
  return typeof name === "string" ? name : "";
}
