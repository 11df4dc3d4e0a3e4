/**
 * Operating system errors as phrases for an operator.
 *
 * @module
 */
import { constants } from "node:os";

/** Phrases by the name of the errno (POSIX.1-2024, `errno.h`). Each ends a sentence and has no full stop. */
export const systemFailures = {
  EACCES: "permission denied",
  EPERM: "the system does not permit it",
  EROFS: "the file system is mounted read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota of this user is used up",
  EFBIG: "the file is larger than its file system allows",
  EIO: "the disk reports an input/output error; look at the kernel log",
  ESTALE: "the network file system has lost the file (stale handle); mount it again",
  EHOSTDOWN: "the server of the network file system is down",
  ENOTCONN: "the file system's own process has ended; mount it again",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of its path is a file, not a folder",
  ENOTEMPTY: "it is a folder with something in it",
  EISDIR: "it is a folder",
  EEXIST: "it exists already",
  ELOOP: "its symbolic links lead in a circle",
  ENAMETOOLONG: "its path is too long",
  ENXIO: "there is no such device, or nothing reads from that pipe",
  EINVAL: "the file system does not support this",
  ENOTSUP: "the file system does not know this operation",
  ENOLCK: "the file system has no locks to give",
  EMFILE: "this process has too many open files (LimitNOFILE)",
  ENFILE: "the machine has too many open files",
  EMLINK: "the file has too many links",
  ENOMEM: "the machine has no memory left",
  EBUSY: "it is in use",
  ETXTBSY: "it is being executed",
  EPIPE: "the program that reads it has ended",
  EXDEV: "its folder and the file are on different file systems",
} as const satisfies Record<string, string>;

/**
 * The name of the errno that a call of Deno or Node failed with, for instance `ENOSPC`; `undefined` if there is none.
 *
 * Neither runtime names all errnos: for EDQUOT and ESTALE, Deno sets no `code` and Node sets `UNKNOWN`. The number is
 * then at the start of Deno's message (`Stale file handle (os error 116): open '…'`) or in Node's `errno`.
 */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const code = "code" in thrown ? thrown.code : undefined;
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  const number = errnoNumber(thrown);
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0];
}

function errnoNumber(thrown: Error): number | undefined {
  const [, inMessage] = /^[A-Za-z ,/()-]{1,80} \(os error (\d{1,4})\)/.exec(thrown.message) ?? [];
  if (inMessage !== undefined) return Number(inMessage);
  const errno = "errno" in thrown ? thrown.errno : undefined;
  return typeof errno === "number" ? Math.abs(errno) : undefined;
}

/** Whether the system denied access. The cause is then an owner or a mode. */
export function isRefusal(thrown: unknown): boolean {
  const errno = errnoOf(thrown);
  return errno === "EACCES" || errno === "EPERM" ||
    (errno === undefined && thrown instanceof Deno.errors.PermissionDenied);
}

/**
 * The reason of a failed system call, as the end of a sentence without its full stop. It repeats no text of the error,
 * which can contain a path of another machine or user.
 */
export function systemFailure(thrown: unknown): string {
  if (thrown instanceof Deno.errors.NotCapable) {
    return "Trousseau's own permissions do not reach there (nothing below /proc, /sys and /dev)";
  }
  if (!(thrown instanceof Error)) return "the system gives no reason (unknown)";
  const errno = errnoOf(thrown) ?? classes[thrown.name];
  if (errno === undefined) {
    const number = errnoNumber(thrown);
    const name = /^[A-Za-z_$][\w$]{0,63}$/.test(thrown.name) ? thrown.name : "Error";
    return number === undefined ? `the system gives no reason (${name})` : `the system answers error number ${number}`;
  }
  return Object.hasOwn(systemFailures, errno)
    ? systemFailures[errno as keyof typeof systemFailures]
    : `the system answers ${errno}`;
}

/** Errno by the name of the Deno error class that stands for it. */
const classes: Readonly<Record<string, keyof typeof systemFailures | undefined>> = {
  PermissionDenied: "EACCES",
  NotFound: "ENOENT",
  NotADirectory: "ENOTDIR",
  IsADirectory: "EISDIR",
  AlreadyExists: "EEXIST",
  FilesystemLoop: "ELOOP",
};
