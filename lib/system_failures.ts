/**
 * Failures of the operating system in words for an operator.
 *
 * @module
 */

/** By the name of the errno (POSIX.1-2024, `errno.h`), as the end of a sentence without its full stop. */
export const systemFailures = {
  EACCES: "permission denied",
  EPERM: "the system does not permit it",
  EROFS: "the file system is mounted read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota of this user is used up",
  EFBIG: "the file is larger than the limit for this process (ulimit -f) or for its file system",
  EIO: "the disk reports an input/output error; look at the kernel log",
  ESTALE: "the network file system has lost the file (stale handle); mount it again",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of its path is a file, not a folder",
  EISDIR: "it is a folder",
  EEXIST: "it exists already",
  ELOOP: "its symbolic links lead in a circle",
  ENAMETOOLONG: "its path is too long",
  EMFILE: "this process has too many open files (LimitNOFILE)",
  ENFILE: "the machine has too many open files",
  ENOMEM: "the machine has no memory left",
  EBUSY: "it is in use",
  ETXTBSY: "it is being executed",
  EXDEV: "its folder and the file are on different file systems",
} as const satisfies Record<string, string>;

/** The name of the errno that a call of Deno's or Node's failed with, such as `ENOSPC`; `undefined` where it has none. */
export function errnoOf(thrown: unknown): string | undefined {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/**
 * Why a call to the system failed, as the end of a sentence without its full stop. It repeats no text of the error, which
 * may hold a path of elsewhere.
 */
export function systemFailure(thrown: unknown): string {
  if (thrown instanceof Deno.errors.NotCapable) {
    return "Trousseau's own permissions do not reach there (nothing below /proc, /sys and /dev)";
  }
  const errno = errnoOf(thrown);
  if (errno === undefined) return `the system gives no reason (${thrown instanceof Error ? thrown.name : "unknown"})`;
  return Object.hasOwn(systemFailures, errno)
    ? systemFailures[errno as keyof typeof systemFailures]
    : `the system answers ${errno}`;
}
