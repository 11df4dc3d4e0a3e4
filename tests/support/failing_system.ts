/**
 * Calls of Deno that fail with an errno of Linux. The errors have the class, `code` and message of Deno 2.9.6.
 *
 * @module
 */

/** By errno: the number, the system's text, and the `code` that Deno sets; `undefined` where it sets none. */
const failures = {
  EIO: { number: 5, text: "Input/output error", code: "EIO" },
  EFBIG: { number: 27, text: "File too large", code: undefined },
  ENOSPC: { number: 28, text: "No space left on device", code: "ENOSPC" },
  EROFS: { number: 30, text: "Read-only file system", code: "EROFS" },
  EMFILE: { number: 24, text: "Too many open files", code: "EMFILE" },
  ENFILE: { number: 23, text: "Too many open files in system", code: undefined },
  ESTALE: { number: 116, text: "Stale file handle", code: undefined },
  EDQUOT: { number: 122, text: "Disk quota exceeded", code: undefined },
  EACCES: { number: 13, text: "Permission denied", code: "EACCES" },
  EPERM: { number: 1, text: "Operation not permitted", code: "EPERM" },
} as const satisfies Record<string, { number: number; text: string; code: string | undefined }>;

/** A supported errno. */
export type FailingErrno = keyof typeof failures;

/** All supported errnos. */
export const failingErrnos = Object.keys(failures) as FailingErrno[];

/** The error of a call. The message ends in a path, which must not appear in an error sentence. */
export function systemError(errno: FailingErrno): Error {
  const { number, text, code } = failures[errno];
  const message = `${text} (os error ${number}): open '/canary'`;
  const error = code === "EACCES" || code === "EPERM" ? new Deno.errors.PermissionDenied(message) : new Error(message);
  return code === undefined ? error : Object.assign(error, { code });
}

/** Makes calls of one function fail until it is disposed of. */
export function failing(name: "open" | "rename" | "mkdir" | "lstat" | "stat", errno: FailingErrno): Disposable {
  const real = Deno[name];
  Object.assign(Deno, { [name]: () => Promise.reject(systemError(errno)) });
  return { [Symbol.dispose]: () => void Object.assign(Deno, { [name]: real }) };
}
