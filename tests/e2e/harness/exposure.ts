/**
 * Looks for a value in every form in which a program could write it.
 *
 * @module
 */
import { join } from "node:path";
import { base64Forms, type Entry } from "./etcd.ts";

/** A place with the value. */
export interface Exposure {
  readonly place: string;
  readonly form: string;
}

/** The forms of a value as bytes in Latin-1, by name. A form that equals the value itself is not named twice. */
export function formsOf(value: string): ReadonlyMap<string, string> {
  const bytes = new TextEncoder().encode(value);
  const latin = (text: string) => Buffer.from(text).toString("latin1");
  const hex = Buffer.from(bytes).toString("hex");
  const escaped = JSON.stringify(value).slice(1, -1);
  const forms: [string, string][] = [
    ["plain", latin(value)],
    ["JSON", latin(escaped)],
    ["JSON in ASCII", escaped.replaceAll(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)],
    ["URL", encodeURIComponent(value)],
    ["form", new URLSearchParams([["", value]]).toString().slice(1)],
    ["hex", hex],
    ["HEX", hex.toUpperCase()],
    ["UTF-16", Buffer.from(value, "utf16le").toString("latin1")],
    ...base64Forms(bytes).map((text, index): [string, string] => [`base64 ${index}`, text]),
  ];
  return new Map(forms);
}

/** The places with any form of the value. */
export function exposures(entries: readonly Entry[], value: string): Exposure[] {
  const forms = formsOf(value);
  return entries.flatMap(({ key, value: bytes }) => {
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    return [...forms].filter(([, text]) => content.includes(text)).map(([form]) => ({ place: key, form }));
  });
}

/** Texts as places. */
export function texts(named: Readonly<Record<string, string>>): Entry[] {
  return Object.entries(named).map(([key, text]) => ({ key, value: new TextEncoder().encode(text) }));
}

/** The files below a folder, without sockets. @param newerThan milliseconds since the epoch. */
export async function filesBelow(folder: string, newerThan = 0): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    try {
      if (isDirectory) found.push(...await filesBelow(path, newerThan));
      else if (isFile && changedAt(await Deno.stat(path)) >= newerThan) {
        found.push({ key: path, value: await Deno.readFile(path) });
      }
    } catch (thrown) {
      // In a folder for temporary files, other programs remove theirs at any time.
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
  }
  return found;
}

function changedAt({ ctime, mtime }: Deno.FileInfo): number {
  return (ctime ?? mtime ?? new Date(0)).getTime();
}
