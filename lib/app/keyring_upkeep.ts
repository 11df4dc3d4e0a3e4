/**
 * The work on a whole store that `trousseau keyring rewrap`, `reseal`, `reindex` and `verify` ask for.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { storedAuditKey } from "../services/keyring/audit/audit_key.ts";
import { KeyringError } from "../api/keyring/problems.ts";
import { checkpointFindings } from "../services/keyring/records/checkpoints.ts";
import type { SealedRecordStore } from "../services/keyring/records/record_store.ts";
import { type VerifyReport, verifyStore } from "../services/keyring/secrets/verify.ts";
import { checkpointPath } from "./keyring_parts.ts";

/** How the work runs. */
export interface UpkeepCall {
  readonly signal: AbortSignal;
  /** Called with a sentence. */
  readonly onProgress: (text: string) => void;
}

/** Opens every record, compares the parts of the store with each other, and the store with its checkpoint. */
export async function verifyKeyring(
  store: SealedRecordStore,
  { keyring }: Pick<Config, "keyring">,
  { signal, onProgress }: UpkeepCall,
): Promise<VerifyReport> {
  const report = await verifyStore(store, {
    signal,
    onProgress: (rows) => onProgress(`Opening every record: ${rows} rows`),
  });
  const signingKey = await storedAuditKey(store, signal).catch(ignoreDamage);
  if (signingKey === undefined) return report;
  const found = await checkpointFindings({ store, path: checkpointPath(keyring), signingKey }, signal);
  return {
    ...report,
    problems: [...found, ...report.problems],
    problemCount: report.problemCount + found.length,
  };
}

/** A key that does not open is a problem of the report already. */
function ignoreDamage(thrown: unknown): undefined {
  if (!(thrown instanceof KeyringError) || thrown.code !== "integrity") throw thrown;
}
