/**
 * The SHA-256 of `denort`, the runtime that `deno compile` puts into a binary, for each version of Deno and machine.
 *
 * Deno downloads it over TLS and verifies nothing else, and it is nine tenths of a binary.
 *
 * @module
 */
import { join } from "node:path";
import { type Architecture, architectures } from "./targets.ts";

/** The table's file, relative to the root of the checkout. */
export const denortTable = "deploy/compile/denort.json";

/** Lowercase hex of each machine; `null` where none has been compared yet. */
type Row = Readonly<Record<Architecture, string | null>>;

/** The sum that the table has; `undefined` if none. @throws {Error} if the table is no such table. */
export async function denortSum(root: string, architecture: Architecture): Promise<string | undefined> {
  return (await readTable(root))[Deno.version.deno]?.[architecture] ?? undefined;
}

/** Writes a sum into the table, for the version of Deno that runs this. */
export async function addDenortSum(root: string, architecture: Architecture, sha256: string): Promise<void> {
  const table = await readTable(root);
  const row = { ...table[Deno.version.deno] ?? { amd64: null, arm64: null }, [architecture]: sha256 };
  const rows = Object.entries({ ...table, [Deno.version.deno]: row }).map(([version, { amd64, arm64 }]) =>
    `  ${JSON.stringify(version)}: {\n    "amd64": ${JSON.stringify(amd64)},\n    "arm64": ${
      JSON.stringify(arm64)
    }\n  }`
  );
  await Deno.writeTextFile(join(root, denortTable), `{\n${rows.join(",\n")}\n}\n`);
}

async function readTable(root: string): Promise<Readonly<Record<string, Row>>> {
  const table: unknown = JSON.parse(await Deno.readTextFile(join(root, denortTable)));
  if (!isTable(table)) {
    throw new Error(`Cannot read ${denortTable}: a row needs a SHA-256 or null for amd64 and arm64.`);
  }
  return table;
}

function isTable(value: unknown): value is Readonly<Record<string, Row>> {
  return isObject(value) &&
    Object.values(value).every((row) => isObject(row) && architectures.every((one) => isSum(row[one])));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isSum(value: unknown): boolean {
  return value === null || typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}
