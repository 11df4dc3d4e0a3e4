/**
 * Reads files that hold credentials or trusted authorities, and refuses those that others may write.
 *
 * A user with write access to such a file chooses the login of the plugin, or the server that it trusts. So a file that
 * every user may write is refused, each time that it is read. A file that a group may write is not: an administrator
 * chose the group, and Kubernetes opens volumes to an `fsGroup`, so that a refusal would keep nodes from starting that
 * are well. There is a warning of it, unless the group is root's (containers of OpenShift run as any user of that group)
 * or has the number of the file's owner (a user's own group, as distributions with the umask 0002 make one). Nor is a
 * file refused that others may read: a cluster's tokens and Secrets in a pod are mode 0644 unless the pod sets another
 * mode.
 *
 * @module
 */
import { dirname } from "node:path";
import { utf8Text } from "./bytes.ts";
import { FileRefusedError, readRegularFile } from "./durable_file.ts";

/** The owner, the group and the mode of a file. */
export interface Permissions {
  /** With or without the bits of the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The access to a file and to the folders through which it can be replaced; all symbolic links followed. */
export interface Exposure {
  readonly file: Permissions;
  readonly folders: readonly (Permissions & { readonly path: string })[];
}

const bits = { groupWrite: 0o020, othersWrite: 0o002, othersRead: 0o004, sticky: 0o1000, permissions: 0o7777 } as const;

/**
 * Reads a file of a credential whole, as {@linkcode readRegularFile} does.
 *
 * @throws {FileRefusedError} also if others may write it.
 */
export function readCredentialFile(path: string, most: number): Promise<Uint8Array> {
  return readRegularFile(path, most, (info) => {
    const why = whyWritable(path, info);
    return why === undefined ? undefined : new FileRefusedError("WritableByOthers", path, why);
  });
}

/**
 * Reads a file of a credential that is text, such as PEM or JSON.
 *
 * @throws {FileRefusedError} also if it is empty or no UTF-8.
 */
export async function readCredentialText(path: string, most: number): Promise<string> {
  const bytes = await readCredentialFile(path, most);
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
 * Reads a file that holds one secret and nothing else.
 *
 * @returns the text without the white space around it, such as a line feed at its end.
 * @throws {FileRefusedError} also if it can be no secret; nothing of it is in the error.
 */
export async function readSecretFile(path: string, most: number): Promise<string> {
  const text = utf8Text(await readCredentialFile(path, most))?.trim();
  const why = whyNoSecret(text);
  if (text === undefined || why !== undefined) throw new FileRefusedError("NoSecret", path, why ?? "");
  return text;
}

/** Why a text is no secret, as the end of a sentence without its full stop; it holds nothing of the text. */
export function whyNoSecret(text: string | undefined): string | undefined {
  if (text === undefined) return "it is binary, not UTF-8 text; write the secret into it as text";
  if (text === "") return "it is empty; write the secret into it";
  const lines = text.split(/\r\n|[\r\n]/).length;
  if (lines > 1) return `it has ${lines} lines, and only one is wanted; leave the line of the secret alone in it`;
  return controlCharacter.test(text)
    ? "it holds control characters; write the secret into it as plain text"
    : undefined;
}

/** Why a file is refused, as the end of a sentence without its full stop; `undefined` if it is not. */
export function whyWritable(path: string, { mode }: Permissions): string | undefined {
  if ((mode & bits.othersWrite) === 0) return undefined;
  const group = (mode & bits.groupWrite) !== 0;
  return `every user may write it (mode ${octal(mode)}); run chmod ${group ? "go" : "o"}-w ${path}`;
}

/** Warnings about the permissions of a file that is not refused: whole sentences. */
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

/** The access to a file; `undefined` where it cannot be looked at. */
export async function exposureOf(path: string): Promise<Exposure | undefined> {
  const file = await permissionsAt(path);
  if (file === undefined) return undefined;
  // A volume of Kubernetes has links to a folder that is another one after each change.
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

/** A system without modes counts as one whose files only their owners may use. */
function permissionsOf({ mode, uid, gid }: Deno.FileInfo): Permissions {
  return { mode: mode ?? 0, uid: uid ?? 0, gid: gid ?? 0 };
}

function octal(mode: number): string {
  return (mode & bits.permissions).toString(8).padStart(4, "0");
}
