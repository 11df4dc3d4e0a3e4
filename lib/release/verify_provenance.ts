/**
 * The provenance of a release against its files, and the commit inside its binaries.
 *
 * @module
 */
import type { SourceMark } from "../base/version.ts";
import { type Provenance, provenanceCommits, provenanceFile } from "./provenance.ts";
import type { ReleaseFinding } from "./release_files.ts";
import type { Sum } from "./sums.ts";
import type { ReleaseExpectation } from "./verify_binary.ts";

/**
 * All that does not hold.
 *
 * @param sources the commit inside each binary, by its file.
 */
export function provenanceFindings(
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
