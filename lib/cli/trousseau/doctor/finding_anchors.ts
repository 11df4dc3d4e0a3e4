/**
 * The anchors of the failures that findings of `trousseau doctor` report.
 *
 * @module
 */
import { messageAnchors } from "../../error_help.ts";
import type { DoctorFinding } from "./finding.ts";
import type { DoctorRow } from "./row.ts";
import { doctorRows } from "./rows.ts";

/** A finding as it is printed. */
export interface AnchoredFinding extends DoctorFinding {
  /** Anchors of `docs/errors.md`; empty for a finding whose sentence and cure are its own. */
  readonly anchors: readonly string[];
}

/** The findings with their anchors. */
export async function withFindingAnchors(findings: readonly DoctorFinding[]): Promise<readonly AnchoredFinding[]> {
  return await Promise.all(findings.map(async (finding) => ({ ...finding, anchors: await anchorsIn(finding) })));
}

async function anchorsIn({ id, sentence }: DoctorFinding): Promise<readonly string[]> {
  const { sentence: template }: DoctorRow = doctorRows[id];
  return await messageAnchors(template.includes("{message}") ? [sentence] : []);
}
