/**
 * A binary of a release against the list of sums and the bill of materials.
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
} from "./bill_of_materials.ts";
import { readBinaryFacts } from "./binary_facts.ts";
import { ReleaseError } from "./release_error.ts";
import type { Sum } from "./sums.ts";

/** The end of the name of a binary around another runtime than `denort`. */
export const standInSuffix = "-standin";

/** The expected release. */
export interface ReleaseExpectation {
  /** The commit that it must be made from. */
  readonly commit?: string | undefined;
  /** Binaries around another runtime than `denort` are accepted: the steps are tried, and it is no release. */
  readonly standIn?: boolean | undefined;
}

/** @returns the commit in the binary. @throws {ReleaseError} at the first thing that does not hold. */
export async function verifyBinary(
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
