/**
 * The findings of `trousseau doctor`: one row each, with the command or the edit that mends it. `docs/doctor.md` is made of
 * this table.
 *
 * @module
 */
import { keyFindings } from "../../../provider/key_findings.ts";
import type { DoctorRow } from "./row.ts";
import { nodeRows } from "./rows/node_rows.ts";
import { apiserverRows } from "./rows/api_server_rows.ts";
import { kmsRows } from "./rows/kms_rows.ts";
import { nodesRows } from "./rows/nodes_rows.ts";
import { nightRows } from "./rows/night_rows.ts";

/** Every finding by its ID. */
export const doctorRows = {
  ...nodeRows,
  ...apiserverRows,
  ...kmsRows,
  ...ofGroup(keyFindings),
  ...nodesRows,
  ...nightRows,
} as const satisfies Readonly<Record<string, DoctorRow>>;

/** The rows about keys, as rows of the group `kms`. */
function ofGroup<Rows extends typeof keyFindings>(rows: Rows): { [Id in keyof Rows]: Rows[Id] & { group: "kms" } } {
  const placed = Object.entries(rows).map(([id, row]) => [id, { group: "kms", ...row }]);
  return Object.fromEntries(placed) as { [Id in keyof Rows]: Rows[Id] & { group: "kms" } };
}
