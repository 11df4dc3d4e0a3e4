/**
 * One finding of `trousseau doctor`.
 *
 * @module
 */
import { filledTemplate, type PlaceholdersOf } from "../../../base/sentence_template.ts";
import type { KeyFinding } from "../../../provider/key_findings.ts";
import type { DoctorGroup, DoctorRow, DoctorSeverity } from "./row.ts";
import { doctorRows } from "./rows.ts";

/** The ID of a row. */
export type DoctorId = keyof typeof doctorRows;

/** The texts for the placeholders of a row. */
type TextsOf<Id extends DoctorId> = Readonly<
  Record<
    PlaceholdersOf<(typeof doctorRows)[Id]["sentence"]> | PlaceholdersOf<(typeof doctorRows)[Id]["cure"]>,
    string
  >
>;

/** A row with its texts filled in. */
export interface DoctorFinding {
  readonly id: DoctorId;
  readonly group: DoctorGroup;
  readonly severity: DoctorSeverity;
  readonly sentence: string;
  /** `""` if nothing is to be done. */
  readonly cure: string;
}

/** Makes a finding; the compiler checks that each placeholder has a text. */
export function found<Id extends DoctorId>(id: Id, texts: TextsOf<Id>): DoctorFinding {
  return filled(id, texts);
}

/** The finding of a provider's examination. */
export function foundInKey({ id, texts }: KeyFinding): DoctorFinding {
  return filled(id, texts);
}

function filled(id: DoctorId, texts: Readonly<Record<string, string>>): DoctorFinding {
  const { group, severity, sentence, cure }: DoctorRow = doctorRows[id];
  return { id, group, severity, sentence: filledTemplate(sentence, texts), cure: filledTemplate(cure, texts) };
}
