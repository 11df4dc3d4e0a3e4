/**
 * The form of a finding of `trousseau doctor`: its group, its severity, its sentence and its cure.
 *
 * @module
 */

/** The groups in the order of the report, each with its title. */
export const doctorGroups = {
  node: "This node",
  apiserver: "kube-apiserver",
  kms: "The KMS",
  nodes: "The nodes",
  night: "The night",
} as const;

/** A group of findings. */
export type DoctorGroup = keyof typeof doctorGroups;

/**
 * The severities. `bad`: data is unreadable, unprotected or about to be lost. `warn`: it may become so. `skip`: a part could
 * not be examined.
 */
export type DoctorSeverity = "ok" | "skip" | "warn" | "bad";

/** A row of the table in `rows.ts`. */
export interface DoctorRow {
  readonly group: DoctorGroup;
  readonly severity: DoctorSeverity;
  /** A whole sentence with placeholders. */
  readonly sentence: string;
  /** With placeholders; `""` if nothing is to be done. */
  readonly cure: string;
}
