/**
 * Numbers of users and groups by name, from files of this machine. Names in a directory service are not supported: they
 * would require a library of the host, or another process.
 *
 * @module
 */
import { utf8Text } from "../base/bytes.ts";
import type { Files } from "./files.ts";

/** The files for each kind of account; in both passwd(5) and group(5) the third field is the number. */
export const accountFiles = { owner: "/etc/passwd", group: "/etc/group" } as const;

/** Maximum size in bytes; enough for about ten thousand names. */
const largest = 1024 * 1024;

/** The number of a user or group; `undefined` if the file does not contain the name. */
export async function accountNumber(file: string, name: string, files: Files): Promise<number | undefined> {
  const text = utf8Text(await files.read(file, largest).catch(() => new Uint8Array())) ?? "";
  for (const line of text.split("\n")) {
    const [found, , number] = line.split(":");
    if (found === name && number !== undefined && /^[0-9]{1,10}$/.test(number)) return Number(number);
  }
  return undefined;
}
