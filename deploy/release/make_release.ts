/**
 * Makes a release in a folder.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { compareTexts } from "../../lib/base/bytes.ts";
import { version } from "../../lib/base/version.ts";
import { billOfMaterialsFile } from "../../lib/release/bill_of_materials.ts";
import { provenanceFile } from "../../lib/release/provenance.ts";
import { fileSha256, signatureFile } from "../../lib/release/release_files.ts";
import { formatSums, parseSums, type Sum, sumsFile } from "../../lib/release/sums.ts";
import { releaseComment } from "../../lib/release/verify_release.ts";
import { requireReplaceable } from "../compile/output_folder.ts";
import { inTemporaryFolder } from "../compile/temporary.ts";
import { lockedPackages, readLicences } from "./locked_packages.ts";
import { type BomBinary, makeBillOfMaterials } from "./make_bom.ts";
import { makeProvenance } from "./make_provenance.ts";
import type { ReleaseContext, ReleaseDebianPackage, ReleaseIdentity, ReleasePart } from "./part.ts";
import { type SigningKey, signMinisign } from "./secret_key.ts";

/** The source of a release. */
export interface ReleaseSource extends Omit<ReleaseIdentity, "version"> {
  readonly root: string;
}

/** The steps that a release consists of. */
export interface ReleaseSteps {
  /** Compiles the binaries into a folder. */
  readonly binaries: (dist: string) => Promise<readonly BomBinary[]>;
  readonly parts: readonly ReleasePart[];
  /** The key to sign with; `undefined` leaves the release unsigned. */
  readonly key: SigningKey | undefined;
}

/** Files of the source that pin the packages and the tools of a release. */
const locks = [
  "deno.keyring.lock",
  "deno.clectl.lock",
  "deno.dev.lock",
  "deploy/compile/denort.json",
  "deploy/images/debian.json",
  "deploy/packages/requirements.txt",
] as const;

// GitHub changes other characters of a file, and the list of sums has the name from before.
const fileName = /^[A-Za-z0-9][\w.+-]*(\/[A-Za-z0-9][\w.+-]*)*$/;

/**
 * Makes the release in a new folder, and puts that in the place of `dist` when it is whole.
 *
 * @returns the list of sums.
 * @throws {Error} if `dist` has files that no release made, or a step fails.
 */
export async function makeRelease(
  dist: string,
  source: ReleaseSource,
  steps: ReleaseSteps,
  signal: AbortSignal,
): Promise<readonly Sum[]> {
  await requireReplaceable({ path: dist, root: source.root, isOutput: (names) => isRelease(dist, names) });
  return await inTemporaryFolder({ dir: dirname(dist), prefix: ".release-" }, async (folder) => {
    const made = join(folder, "dist");
    await Deno.mkdir(made);
    const sums = await fillRelease(made, source, steps, signal);
    await setTimes(made, source.sourceDate);
    await replaceFolder(dist, made, join(folder, "before"));
    return sums;
  });
}

async function fillRelease(
  dist: string,
  source: ReleaseSource,
  steps: ReleaseSteps,
  signal: AbortSignal,
): Promise<readonly Sum[]> {
  const { root, commit, sourceDate } = source;
  const binaries = await steps.binaries(dist);
  const context: ReleaseContext = {
    ...source,
    dist,
    version,
    binaries: binaries.map(asReleaseBinary),
  };
  // An image contains the bill of materials.
  await writeBillOfMaterials(context, binaries, steps.parts);
  const made = new Set([...binaries.map(({ file }) => file), billOfMaterialsFile]);
  for (const part of steps.parts) {
    signal.throwIfAborted();
    for (const file of await part.make(context, signal)) {
      if (!fileName.test(file)) {
        throw new Error(
          `Cannot make the release: ${part.name} makes ${file}, and a name has letters, digits and . _ + - alone.`,
        );
      }
      if (made.has(file)) {
        throw new Error(`Cannot make the release: ${part.name} makes ${file}, which is there already.`);
      }
      made.add(file);
    }
  }
  const files = await sumsOf(dist, [...made], signal);
  const materials = [...await sumsOf(root, locks, signal), ...runtimesOf(binaries)];
  await writeJson(join(dist, provenanceFile), makeProvenance({ version, commit, sourceDate, files, materials }));
  const sums = byName([...files, ...await sumsOf(dist, [provenanceFile], signal)]);
  const text = formatSums(sums);
  await Deno.writeTextFile(join(dist, sumsFile), text);
  if (steps.key !== undefined) {
    const signature = signMinisign(new TextEncoder().encode(text), steps.key, releaseComment(version, commit));
    await Deno.writeTextFile(join(dist, signatureFile), signature);
  }
  return sums;
}

async function writeBillOfMaterials(
  context: ReleaseContext,
  binaries: readonly BomBinary[],
  parts: readonly ReleasePart[],
): Promise<void> {
  const { root, dist, version, commit, sourceDate } = context;
  const [packages, licences] = [await lockedPackages(root), await readLicences(root)];
  const debian: ReleaseDebianPackage[] = [];
  for (const part of parts) debian.push(...await part.debianPackages?.(context) ?? []);
  const bom = makeBillOfMaterials({ version, commit, sourceDate, binaries, packages, licences, debian });
  await writeJson(join(dist, billOfMaterialsFile), bom);
}

function asReleaseBinary({ file, artefact, architecture, runtime }: BomBinary) {
  if (artefact !== "trousseau" && artefact !== "clectl") {
    throw new Error(`Cannot release ${artefact}: no part knows it.`);
  }
  return { artefact, architecture, path: file, standIn: runtime.standIn } as const;
}

function runtimesOf(binaries: readonly BomBinary[]): Sum[] {
  const rows = binaries.map(({ architecture, runtime: { standIn, sha256 } }) =>
    [`${standIn ? "stand-in for denort" : "denort"}-${architecture}`, sha256] as const
  );
  return [...new Map(rows)].map(([file, sha256]) => ({ file, sha256 }));
}

async function sumsOf(folder: string, files: readonly string[], signal: AbortSignal): Promise<Sum[]> {
  const sums: Sum[] = [];
  for (const file of files) sums.push({ file, sha256: await fileSha256(join(folder, file), signal) });
  return byName(sums);
}

function byName(sums: readonly Sum[]): Sum[] {
  return sums.toSorted((one, other) => compareTexts(one.file, other.file));
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Sets the time of every file and folder, innermost first. */
async function setTimes(path: string, seconds: number): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await setTimes(join(path, name), seconds);
    else await Deno.utime(join(path, name), seconds, seconds);
  }
  await Deno.utime(path, seconds, seconds);
}

/** Whether a folder has a list of sums, and nothing that the list lacks. */
async function isRelease(dist: string, names: readonly string[]): Promise<boolean> {
  if (!names.includes(sumsFile)) return false;
  const listed = parseSums(await Deno.readTextFile(join(dist, sumsFile))).map(({ file }) => file.split("/")[0]);
  const known = new Set([...listed, sumsFile, signatureFile]);
  return names.every((name) => known.has(name));
}

/** Puts a folder in the place of another one. If that fails, the other one is back at its place. */
async function replaceFolder(path: string, by: string, away: string): Promise<void> {
  const isThere = await Deno.lstat(path).then(() => true, () => false);
  if (isThere) await Deno.rename(path, away);
  try {
    await Deno.rename(by, path);
  } catch (thrown) {
    if (isThere) await Deno.rename(away, path);
    throw thrown;
  }
}
