/**
 * The base of a binary: Deno's `denort`, verified by its SHA-256, or the deno CLI as a stand-in for it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { elfHeaderBytes, elfMachine } from "../../lib/release/elf_header.ts";
import { fileSha256 } from "../../lib/release/release_files.ts";
import { denortSum, denortTable } from "./denort_sums.ts";
import { deno, repository } from "./stage.ts";
import { type Architecture, ownArchitecture, targets } from "./targets.ts";
import { readZipEntry } from "./zip.ts";

/** A file that `deno compile` puts the program into. */
export interface Base {
  readonly path: string;
  /** Lowercase hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** The first 64 bytes: compiling changes them, and leaves the rest of the file. */
  readonly header: Uint8Array;
  /** True for any file but the verified `denort`: a binary around it is no release. */
  readonly standIn: boolean;
}

/** `denort` is neither in `DENORT_BIN` nor in Deno's cache, and cannot be downloaded. */
export class DenortUnavailable extends Error {
  override readonly name = "DenortUnavailable";
}

/** The place of a base. */
export interface BaseOptions {
  readonly architecture: Architecture;
  /** An empty folder, in which the base is put. It has to stay until the binary is compiled. */
  readonly folder: string;
  /** Take `DENORT_BIN`, whatever it is, or else the deno CLI. */
  readonly standIn?: boolean;
  /** The file to take for its machine; by default that of `DENORT_BIN`. Without one, Deno's cache is searched. */
  readonly given?: string | undefined;
  /** The checkout with the table of sums; by default the one that this file is in. */
  readonly root?: string;
}

/**
 * Finds the base for a machine, and verifies it against the table of sums.
 *
 * The file that is compiled is a copy of the verified bytes.
 *
 * @throws {DenortUnavailable} if there is none.
 * @throws {Error} if it is the deno CLI, for another machine, or not the one of the table.
 */
export async function provideBase(options: BaseOptions): Promise<Base> {
  const { architecture, folder, standIn = false, given = Deno.env.get("DENORT_BIN"), root = repository } = options;
  if (standIn) return await describe(await standInPath(architecture, folder, given), true);
  const { bytes, place } = await findDenort(architecture, folder, given);
  refuseOtherFile(bytes, place, architecture);
  const path = join(folder, `denort-${architecture}`);
  await Deno.writeFile(path, bytes, { mode: 0o755 });
  const base = await describe(path, false);
  const known = await denortSum(root, architecture);
  const named = `denort ${Deno.version.deno} for ${architecture}`;
  if (known === undefined) {
    throw new Error(
      `Cannot compile with ${place}: ${denortTable} has no SHA-256 of ${named}, and this file's is ${base.sha256}. ` +
        "Compare it as docs/releases.md says, then add it with deno task denort --add.",
    );
  }
  if (known !== base.sha256) {
    throw new Error(`Cannot compile with ${place}: its SHA-256 is ${base.sha256}, and that of ${named} is ${known}.`);
  }
  return base;
}

/**
 * `denort` as it was found, not verified.
 *
 * @param folder an empty folder.
 * @param given a file to take for its machine; for another one, Deno's cache is searched.
 */
export async function findDenort(architecture: Architecture, folder: string, given = Deno.env.get("DENORT_BIN")) {
  const taken = await givenFor(architecture, given);
  if (taken !== undefined) return { bytes: await Deno.readFile(taken), place: taken };
  const place = await cachedArchive(architecture, folder);
  return { bytes: readZipEntry(await Deno.readFile(place), "denort"), place };
}

/** The given file, unless its header names another machine. A file without one is taken, and so refused later. */
export async function givenFor(architecture: Architecture, given: string | undefined): Promise<string | undefined> {
  if (given === undefined) return undefined;
  const machine = elfMachine(await readHeader(given));
  return machine === undefined || machine === architecture ? given : undefined;
}

/** @throws {Error} for the deno CLI, and for a file for another machine. */
export function refuseOtherFile(bytes: Uint8Array, place: string, architecture: Architecture): void {
  const machine = elfMachine(bytes.subarray(0, elfHeaderBytes));
  if (machine !== architecture) {
    throw new Error(
      `Cannot compile with ${place}: it is ${machine ? `for ${machine}` : "no program"}, not for ${architecture}.`,
    );
  }
  if (isDenoCli(bytes)) {
    throw new Error(
      `Cannot compile with ${place}: it is the deno CLI and not denort, so the binary would not run the program. ` +
        "To try the build without denort, add --stand-in.",
    );
  }
}

// The path of a source file of the CLI, which is in its panic messages; `denort` is built without these files.
const cliMark = new TextEncoder().encode("cli/tools/");

// Buffer's search takes some hundredths of a second for 90 MB.
function isDenoCli(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(cliMark) >= 0;
}

/** The place at which Deno keeps the archive that it downloads, once it is there. */
async function cachedArchive(architecture: Architecture, folder: string): Promise<string> {
  const { triple } = targets[architecture];
  const info: { denoDir: string } = JSON.parse(await deno(["info", "--json"], folder));
  const place = join(info.denoDir, "dl", "release", `v${Deno.version.deno}`, `denort-${triple}.zip`);
  if (await exists(place)) return place;
  // Deno downloads it for a compilation, and in no other way.
  const script = join(folder, "nothing.js");
  await Deno.writeTextFile(script, "");
  const closed = ["--quiet", "--no-config", "--no-lock", "--target", triple, "--output", join(folder, "nothing")];
  const failure = await deno(["compile", ...closed, script], folder).then(() => undefined, String);
  if (await exists(place)) return place;
  throw new DenortUnavailable(
    `Cannot find denort ${Deno.version.deno} for ${architecture}: it is not at ${place}, and Deno could not ` +
      `download it${failure?.includes("Setting up base binary") ? "" : ` (${failure ?? "it put it elsewhere"})`}. ` +
      "Put its archive there, set DENORT_BIN to the file for this machine, or try the build with --stand-in.",
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

/** The given file for its own machine, else the deno CLI: the one that runs this, or that of the npm package. */
async function standInPath(architecture: Architecture, folder: string, given: string | undefined): Promise<string> {
  const candidates = [given, architecture === ownArchitecture() ? Deno.execPath() : undefined];
  for (const path of candidates) {
    if (path !== undefined && elfMachine(await readHeader(path)) === architecture) return path;
  }
  const config = join(repository, "deploy/compile/standin.json");
  await deno(["install", "--quiet", "--frozen", "--config", config], folder);
  const { npmCache }: { npmCache: string } = JSON.parse(await deno(["info", "--json"], folder));
  for await (const { name } of Deno.readDir(npmCache)) {
    const path = join(npmCache, name, targets[architecture].standIn, Deno.version.deno, "deno");
    if (await exists(path)) return path;
  }
  throw new Error(
    `Cannot find the deno CLI for ${architecture} in ${npmCache}, where deno install should have put it.`,
  );
}

async function readHeader(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const header = new Uint8Array(elfHeaderBytes);
  return header.subarray(0, await file.read(header) ?? 0);
}

async function describe(path: string, standIn: boolean): Promise<Base> {
  const { size } = await Deno.stat(path);
  return { path, sha256: await fileSha256(path), size, header: await readHeader(path), standIn };
}
