/**
 * Verifies a release: its signature, its files, its bill of materials and its provenance.
 *
 * @module
 */
import { join } from "node:path";
import type { SourceMark } from "../base/version.ts";
import {
  type BillOfMaterials,
  billOfMaterialsFile,
  bomBinary,
  bomPackages,
  bomRuntime,
  bomSha256,
  parseBillOfMaterials,
} from "./bill_of_materials.ts";
import { readBinaryFacts } from "./binary_facts.ts";
import { type MinisignKey, verifyMinisign } from "./minisign.ts";
import { parseProvenance, type Provenance, provenanceCommits, provenanceFile } from "./provenance.ts";
import { ReleaseError } from "./release_error.ts";
import {
  compareFiles,
  parseReleaseSums,
  readReleaseText,
  type ReleaseFinding,
  signatureFile,
} from "./release_files.ts";
import { type Sum, sumsFile } from "./sums.ts";

/** The binaries that a release has; a stand-in's name ends in `-standin`. */
export const releaseBinaries = ["trousseau", "clectl"].flatMap((program) =>
  (["amd64", "arm64"] as const).map((machine) => ({ machine, name: `${program}-linux-${machine}` }))
);

/** The end of the name of a binary around another runtime than `denort`. */
export const standInSuffix = "-standin";

/** What a release is expected to be. */
export interface ReleaseExpectation {
  /** The commit that it must be made from. */
  readonly commit?: string | undefined;
  /** Binaries around another runtime than `denort` are accepted: the steps are tried, and it is no release. */
  readonly standIn?: boolean | undefined;
}

/** The result. */
export interface ReleaseReport {
  /** The version of the provenance; `undefined` if that cannot be read. */
  readonly version: string | undefined;
  /** The commit of the provenance. */
  readonly commit: string | undefined;
  /** The number of files in the list of sums. */
  readonly files: number;
  /** All that does not hold; empty for a verified release. */
  readonly findings: readonly ReleaseFinding[];
}

/** The trusted comment of the signature. */
export function releaseComment(version: string, commit: string): string {
  return `trousseau ${version} ${commit}`;
}

/**
 * Verifies the release in a folder. All of it is examined, also after a first finding.
 *
 * @throws {Deno.errors.NotFound} and its siblings, if the folder cannot be read.
 */
export async function verifyRelease(
  folder: string,
  key: MinisignKey,
  expectation: ReleaseExpectation,
  signal: AbortSignal,
): Promise<ReleaseReport> {
  if (!(await Deno.stat(folder)).isDirectory) throw new Deno.errors.NotADirectory(folder);
  const findings: ReleaseFinding[] = [];
  const attempt = <Result>(file: string, step: () => Promise<Result>) => attemptOn(findings, file, step);
  const sumsText = await attempt(sumsFile, () => readReleaseText(folder, sumsFile));
  const sums = await attempt(sumsFile, () => Promise.resolve(parseReleaseSums(sumsText ?? "")));
  const comment = await attempt(signatureFile, async () => {
    return verifyMinisign(new TextEncoder().encode(sumsText), await readReleaseText(folder, signatureFile), key);
  });
  // Without a list no file can be compared.
  if (sumsText === undefined || sums === undefined) {
    return { version: undefined, commit: undefined, files: 0, findings };
  }
  findings.push(...await compareFiles(folder, sums, signal));
  const bom = await attempt(billOfMaterialsFile, async () => {
    return parseBillOfMaterials(await readReleaseText(folder, billOfMaterialsFile));
  });
  const provenance = await attempt(provenanceFile, async () => {
    return parseProvenance(await readReleaseText(folder, provenanceFile));
  });
  const sources = new Map<string, SourceMark>();
  for (const { name, machine } of releaseBinaries) {
    const file = [name, name + standInSuffix].find((one) => sums.some((sum) => sum.file === one));
    if (file === undefined) findings.push({ file: name, problem: "The list of sums lacks this binary." });
    else if (bom !== undefined) {
      signal.throwIfAborted();
      const source = await attempt(file, () => verifyBinary(folder, file, machine, bom, sums, expectation));
      if (source !== undefined) sources.set(file, source);
    }
  }
  const { version, commit } = provenance?.predicate.buildDefinition.externalParameters ?? {};
  if (provenance !== undefined) findings.push(...provenanceFindings(provenance, sums, sources, expectation));
  if (bom !== undefined && version !== undefined && bom.metadata.component.version !== version) {
    findings.push({ file: billOfMaterialsFile, problem: "It is of another version than the provenance." });
  }
  if (comment !== undefined && comment !== releaseComment(version ?? "", commit ?? "")) {
    findings.push({
      file: signatureFile,
      problem: "Its trusted comment names another version or commit than the provenance.",
    });
  }
  return { version, commit, files: sums.length, findings };
}

async function attemptOn<Result>(
  findings: ReleaseFinding[],
  file: string,
  step: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await step();
  } catch (thrown) {
    if (!(thrown instanceof ReleaseError) && !(thrown instanceof Deno.errors.NotFound)) throw thrown;
    // A missing file is a row of the comparison with the list.
    if (thrown instanceof ReleaseError) findings.push({ file, problem: thrown.message });
    return undefined;
  }
}

/** @returns the commit in the binary. @throws {ReleaseError} at the first thing that does not hold. */
async function verifyBinary(
  folder: string,
  file: string,
  machine: string,
  bom: BillOfMaterials,
  sums: readonly Sum[],
  { standIn = false }: ReleaseExpectation,
): Promise<SourceMark> {
  if (file.endsWith(standInSuffix) && !standIn) {
    throw new ReleaseError("It is made around a stand-in for denort: it does not run the program and is no release.");
  }
  const component = bomBinary(bom, file);
  const runtime = component === undefined ? undefined : bomRuntime(bom, component);
  if (component === undefined || runtime === undefined) {
    throw new ReleaseError(`${billOfMaterialsFile} lacks this binary, or the runtime inside it.`);
  }
  if (bomSha256(component) !== sums.find((sum) => sum.file === file)?.sha256) {
    throw new ReleaseError(`${billOfMaterialsFile} has another SHA-256 for this binary than the list of sums.`);
  }
  if ((runtime.name === "denort") === file.endsWith(standInSuffix)) {
    throw new ReleaseError(`${billOfMaterialsFile} names another runtime inside this binary than its name does.`);
  }
  const facts = await readBinaryFacts(join(folder, file), runtime);
  if (facts.machine !== machine) throw new ReleaseError("It is not for the machine that its name says.");
  if (facts.runtime !== runtime.sha256) {
    throw new ReleaseError(`${billOfMaterialsFile} has another SHA-256 for the runtime inside this binary.`);
  }
  const difference = differenceOf(facts.packages ?? [], bomPackages(bom, component));
  if (difference !== undefined) {
    throw new ReleaseError(`${billOfMaterialsFile} does not have the packages in this binary: ${difference}.`);
  }
  if (facts.source === undefined) throw new ReleaseError("It does not say the commit that it was made from.");
  if (facts.source.modified && !standIn) {
    throw new ReleaseError("It was made from a source that differed from its commit.");
  }
  return facts.source;
}

function differenceOf(inside: readonly string[], listed: readonly string[]): string | undefined {
  const lacking = inside.find((name) => !listed.includes(name));
  if (lacking !== undefined) return `${lacking} is inside and not listed`;
  const surplus = listed.find((name) => !inside.includes(name));
  return surplus === undefined ? undefined : `${surplus} is listed and not inside`;
}

function provenanceFindings(
  provenance: Provenance,
  sums: readonly Sum[],
  sources: ReadonlyMap<string, SourceMark>,
  { commit: expected }: ReleaseExpectation,
): ReleaseFinding[] {
  const file = provenanceFile;
  const findings: ReleaseFinding[] = [];
  const [commit = "", ...digests] = provenanceCommits(provenance);
  if (digests.length === 0 || digests.some((digest) => digest !== commit)) {
    findings.push({ file, problem: "Its source has another commit than its parameters." });
  }
  if (expected !== undefined && expected !== commit) {
    findings.push({ file, problem: `It is of the commit ${commit}, and not of the expected one.` });
  }
  for (const [name, source] of sources) {
    if (source.commit === commit) continue;
    findings.push({ file, problem: `It is of the commit ${commit}, and ${name} was made from ${source.commit}.` });
  }
  const subjects = new Map(provenance.subject.map(({ name, digest }) => [name, digest.sha256]));
  for (const sum of sums.filter((one) => one.file !== provenanceFile)) {
    if (subjects.get(sum.file) === sum.sha256) continue;
    findings.push({ file, problem: `It does not name ${sum.file} with its SHA-256.` });
  }
  if (subjects.size < provenance.subject.length) findings.push({ file, problem: "It names a file twice." });
  const surplus = [...subjects.keys()].find((name) => !sums.some((sum) => sum.file === name));
  if (surplus !== undefined) findings.push({ file, problem: `It names ${surplus}, which the release does not have.` });
  return findings;
}
