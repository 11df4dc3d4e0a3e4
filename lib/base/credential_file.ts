/**
 * Reads files with credentials or trusted certificates, and refuses files that every user can write.
 *
 * A user with write access to such a file controls the login of the plugin or the server that it trusts. Therefore a
 * file that is writable for every user is refused at each reading.
 *
 * A file that is writable for its group is not refused: an administrator chose the group, and Kubernetes makes volumes
 * writable for an `fsGroup`, so that a refusal would stop correctly configured nodes. A warning is logged instead,
 * except if the group is root's (containers of OpenShift run as an arbitrary user of that group) or has the number of
 * the file's owner (a private group, which distributions with umask 0002 create for each user).
 *
 * A file that others can read is not refused either: tokens and Secrets in a pod have mode 0644 unless the pod sets
 * another mode.
 *
 * @module
 */
import { dirname } from "node:path";
import { utf8Text } from "./bytes.ts";
import { FileRefusedError, readRegularFile } from "./durable_file.ts";

/** Owner, group and mode of a file. */
export interface Permissions {
  /** Mode bits, with or without those of the file type. */
  readonly mode: number;
  /** Numeric user ID of the owner. */
  readonly uid: number;
  /** Numeric group ID. */
  readonly gid: number;
}

/** Permissions of a file, and of the folders in which it can be replaced. Symbolic links are followed. */
export interface Exposure {
  readonly file: Permissions;
  /** The folders of the path and of the target of symbolic links. */
  readonly folders: readonly (Permissions & { readonly path: string })[];
}

const bits = { groupWrite: 0o020, othersWrite: 0o002, othersRead: 0o004, sticky: 0o1000, permissions: 0o7777 } as const;

/**
 * Reads a credential file completely, as {@linkcode readRegularFile} does.
 *
 * @param maxBytes maximum size in bytes
 * @throws {FileRefusedError} also if every user can write the file.
 */
export function readCredentialFile(path: string, maxBytes: number): Promise<Uint8Array> {
  return readRegularFile(path, maxBytes, (info) => {
    const why = whyWritable(path, info);
    return why === undefined ? undefined : new FileRefusedError("WritableByOthers", path, why);
  });
}

/**
 * Reads a credential file that contains text, for instance PEM or JSON.
 *
 * @param maxBytes maximum size in bytes
 * @throws {FileRefusedError} also if the file is empty or not UTF-8.
 */
export async function readCredentialText(path: string, maxBytes: number): Promise<string> {
  const bytes = await readCredentialFile(path, maxBytes);
  const text = utf8Text(bytes);
  const why = text === undefined
    ? "it is binary, not text; write it as text (a key or certificate as PEM)"
    : "it is empty";
  if (text === undefined || text.trim() === "") throw new FileRefusedError("NoSecret", path, why);
  return text;
}

// A line break or another control character would end the HTTP header that a secret is sent in.
// deno-lint-ignore no-control-regex
const controlCharacter = /[\u0000-\u001f\u007f]/;

/**
 * Reads a file that contains exactly one secret.
 *
 * @param maxBytes maximum size in bytes
 * @returns the text without surrounding white space, for instance a final line feed.
 * @throws {FileRefusedError} also if the content cannot be a secret; the error contains nothing of it.
 */
export async function readSecretFile(path: string, maxBytes: number): Promise<string> {
  const text = utf8Text(await readCredentialFile(path, maxBytes))?.trim();
  const why = whyNoSecret(text);
  if (text === undefined || why !== undefined) throw new FileRefusedError("NoSecret", path, why ?? "");
  return text;
}

/**
 * The reason why a text is not a secret, as the end of a sentence without its full stop; `undefined` if it can be one.
 * It contains nothing of the text.
 */
export function whyNoSecret(text: string | undefined): string | undefined {
  if (text === undefined) return "it is binary, not UTF-8 text; write the secret into it as text";
  if (text === "") return "it is empty; write the secret into it";
  const lines = text.split(/\r\n|[\r\n]/).length;
  if (lines > 1) return `it has ${lines} lines, and only one is wanted; leave the line of the secret alone in it`;
  return controlCharacter.test(text)
    ? "it holds control characters; write the secret into it as plain text"
    : undefined;
}

/**
 * The reason why a file is refused, as the end of a sentence without its full stop; `undefined` if it is not refused.
 */
export function whyWritable(path: string, { mode }: Permissions): string | undefined {
  if ((mode & bits.othersWrite) === 0) return undefined;
  const group = (mode & bits.groupWrite) !== 0;
  return `every user may write it (mode ${octal(mode)}); run chmod ${group ? "go" : "o"}-w ${path}`;
}

/**
 * Warnings about the permissions of a file that is not refused, as complete sentences.
 *
 * @param secret whether the content must not be readable for others
 */
export function exposureRemarks(path: string, { file, folders }: Exposure, secret: boolean): readonly string[] {
  const readable = secret && (file.mode & bits.othersRead) !== 0
    ? [
      `Every user of this machine may read ${path} (mode ${
        octal(file.mode)
      }); run chmod o-r on it. In a pod, where that ` +
      "is the default of tokens and Secrets, set defaultMode: 0400, or 0440 with an fsGroup.",
    ]
    : [];
  const { mode, uid, gid } = file;
  const shared = (mode & bits.groupWrite) !== 0 && gid !== 0 && gid !== uid
    ? [`All of group ${gid} may write ${path} (mode ${octal(mode)}), and so choose its content; run chmod g-w on it.`]
    : [];
  const open = folders.filter(({ mode }) => (mode & bits.othersWrite) !== 0 && (mode & bits.sticky) === 0);
  return [
    ...readable,
    ...shared,
    ...open.map((folder) =>
      `Every user of this machine may replace ${path}, since its folder ${folder.path} has mode ${
        octal(folder.mode)
      }; ` +
      "run chmod o-w or chmod +t on the folder."
    ),
  ];
}

/** The permissions of a file and its folders; `undefined` if the file cannot be examined. */
export async function exposureOf(path: string): Promise<Exposure | undefined> {
  const file = await permissionsAt(path);
  if (file === undefined) return undefined;
  // A Kubernetes volume contains symbolic links to a folder that is replaced at each change.
  const target = await Deno.realPath(path).catch(() => path);
  const folders = await Promise.all([...new Set([dirname(path), dirname(target)])].map(async (place) => {
    const found = await permissionsAt(place);
    return found === undefined ? [] : [{ path: place, ...found }];
  }));
  return { file, folders: folders.flat() };
}

async function permissionsAt(path: string): Promise<Permissions | undefined> {
  return await Deno.stat(path).then(permissionsOf, () => undefined);
}

/** On a system without modes, files count as accessible to their owners only. */
function permissionsOf({ mode, uid, gid }: Deno.FileInfo): Permissions {
  return { mode: mode ?? 0, uid: uid ?? 0, gid: gid ?? 0 };
}

function octal(mode: number): string {
  return (mode & bits.permissions).toString(8).padStart(4, "0");
}
