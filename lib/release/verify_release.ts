/**
 * Verifies a release: its signature, its files, its bill of materials and its provenance.
 *
 * @module
 */
import type { SourceMark } from "../base/version.ts";
import { type BillOfMaterials, billOfMaterialsFile, parseBillOfMaterials } from "./bill_of_materials.ts";
import { type MinisignKey, verifyMinisign } from "./minisign.ts";
import { parseProvenance, type Provenance, provenanceFile } from "./provenance.ts";
import { ReleaseError } from "./release_error.ts";
import {
  compareFiles,
  parseReleaseSums,
  readReleaseText,
  type ReleaseFinding,
  signatureFile,
} from "./release_files.ts";
import { type Sum, sumsFile } from "./sums.ts";
import { type ReleaseExpectation, standInSuffix, verifyBinary } from "./verify_binary.ts";
import { provenanceFindings } from "./verify_provenance.ts";

/** The binaries that a release has; a stand-in's name ends in `-standin`. */
export const releaseBinaries = ["trousseau", "clectl"].flatMap((program) =>
  (["amd64", "arm64"] as const).map((machine) => ({ machine, name: `${program}-linux-${machine}` }))
);

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
  const attempt: Attempt = (file, step) => attemptOn(findings, file, step);
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
  const verify = (file: string, machine: string, listed: BillOfMaterials) => {
    signal.throwIfAborted();
    return attempt(file, () => verifyBinary(folder, file, machine, listed, sums, expectation));
  };
  const sources = await verifyBinaries(sums, bom, findings, verify);
  if (provenance !== undefined) findings.push(...provenanceFindings(provenance, sums, sources, expectation));
  findings.push(...versionFindings(comment, bom, provenance));
  const { version, commit } = provenance?.predicate.buildDefinition.externalParameters ?? {};
  return { version, commit, files: sums.length, findings };
}

/** Runs a step. A {@linkcode ReleaseError} becomes a finding about the file. */
type Attempt = <Result>(file: string, step: () => Promise<Result>) => Promise<Result | undefined>;

async function attemptOn<Result>(
  findings: ReleaseFinding[],
  file: string,
  step: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await step();
  } catch (thrown) {
    if (thrown instanceof ReleaseError) findings.push({ file, problem: thrown.message });
    // A missing file is a row of the comparison with the list.
    else if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    return undefined;
  }
}

/** @returns the commit inside each binary that holds. */
async function verifyBinaries(
  sums: readonly Sum[],
  bom: BillOfMaterials | undefined,
  findings: ReleaseFinding[],
  verify: (file: string, machine: string, bom: BillOfMaterials) => Promise<SourceMark | undefined>,
): Promise<ReadonlyMap<string, SourceMark>> {
  const sources = new Map<string, SourceMark>();
  for (const { name, machine } of releaseBinaries) {
    const file = [name, name + standInSuffix].find((one) => sums.some((sum) => sum.file === one));
    if (file === undefined) findings.push({ file: name, problem: "The list of sums lacks this binary." });
    const source = file === undefined || bom === undefined ? undefined : await verify(file, machine, bom);
    if (file !== undefined && source !== undefined) sources.set(file, source);
  }
  return sources;
}

/** The version and the commit stand in three files, which have to agree. */
function versionFindings(
  comment: string | undefined,
  bom: BillOfMaterials | undefined,
  provenance: Provenance | undefined,
): ReleaseFinding[] {
  const { version = "", commit = "" } = provenance?.predicate.buildDefinition.externalParameters ?? {};
  const findings: ReleaseFinding[] = [];
  if (bom !== undefined && provenance !== undefined && bom.metadata.component.version !== version) {
    findings.push({ file: billOfMaterialsFile, problem: "It is of another version than the provenance." });
  }
  if (comment !== undefined && comment !== releaseComment(version, commit)) {
    findings.push({
      file: signatureFile,
      problem: "Its trusted comment names another version or commit than the provenance.",
    });
  }
  return findings;
}
