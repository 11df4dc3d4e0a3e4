/**
 * Users and groups by name, as this machine's files know them. Names of a directory service are not looked up: that
 * would take a library of the host, or another process.
 *
 * @module
 */
import { utf8Text } from "../base/bytes.ts";
import type { Files } from "./files.ts";

/** Where names are looked up; passwd(5) and group(5) both have the number in the third field. */
export const accountFiles = { owner: "/etc/passwd", group: "/etc/group" } as const;

/** In bytes: room for some ten thousand names. */
const largest = 1024 * 1024;

/** The number of a user or group, `undefined` if the file does not know the name. */
export async function accountNumber(file: string, name: string, files: Files): Promise<number | undefined> {
  const text = utf8Text(await files.read(file, largest).catch(() => new Uint8Array())) ?? "";
  for (const line of text.split("\n")) {
    const [found, , number] = line.split(":");
    if (found === name && number !== undefined && /^[0-9]{1,10}$/.test(number)) return Number(number);
  }
  return undefined;
}
