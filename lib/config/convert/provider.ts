/**
 * The parts common to the conversions of all kinds.
 *
 * @module
 */
import type { OldFields } from "./notes.ts";

/** An entry of `providers` to be written; secrets are references. */
export type ConvertedProvider = { readonly kind: string; readonly name: string } & Readonly<Record<string, unknown>>;

/** The folder in which the user must put secrets, which a config must not contain. */
const secretsFolder = "/etc/trousseau";

/** A reference to a file that the user creates; the value in the old file is not read. */
export function secretFile(old: OldFields, field: string, name: string): { readonly file: string } {
  const file = `${secretsFolder}/${name}`;
  const text = old.has(field)
    ? `is a secret and is not written: put it into ${file} (mode 0600), and a new one there soon, for it stood in a config`
    : `is missing; put one into ${file} (mode 0600)`;
  old.note(field, text);
  return { file };
}

/** An origin. Plain http is permitted within this machine only, so that it is written as https. */
export function address(old: OldFields, field: string): string {
  const value = old.text(field);
  if (value === undefined) {
    old.note(field, "is missing; write it into the output");
    return "https://127.0.0.1";
  }
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    old.note(field, "is not carried over: it is no address that begins with https://; write it into the output");
    return "https://127.0.0.1";
  }
  if (`${url.pathname}${url.search}${url.hash}` !== "/" || url.username !== "" || url.password !== "") {
    old.note(field, "is carried over without what stands beside host and port");
  }
  const local = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url.protocol === "https:" || local) return url.origin;
  old.note(field, "is written with https://: plain http is taken for this machine only");
  return `https://${url.host}`;
}
