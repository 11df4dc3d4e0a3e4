/**
 * `trousseau keyring rewrap`, `reseal`, `reindex`, `verify` and `ca rotate`.
 *
 * @module
 */
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { json, line } from "../terminal.ts";
import { withUpkeep } from "./keyring_store_command.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Wraps the store keys anew by the providers as they are configured now. */
export async function keyringRewrap(call: TrousseauCall): Promise<ExitStatus> {
  const { keys } = await withUpkeep(call, "rewrap", "Wrapping the store keys");
  return printed(call, { keys }, [`${keys} store keys are wrapped anew, by each provider that has answered.`]);
}

/** Seals every record anew under new store keys. */
export async function keyringReseal(call: TrousseauCall): Promise<ExitStatus> {
  const { resealed, skipped } = await withUpkeep(call, "reseal", "Sealing every record anew");
  return printed(call, { resealed, skipped }, [
    `${resealed} records are sealed under new store keys.`,
    ...(skipped === 0 ? [] : [`${skipped} rows belong to nothing and cannot be opened any more.`]),
    "Backups and the history of etcd still open under the old keys: remove those that you do not need.",
  ]);
}

/** Replaces the index key. */
export async function keyringReindex(call: TrousseauCall): Promise<ExitStatus> {
  const { rows } = await withUpkeep(call, "reindex", "Moving the index");
  return printed(call, { rows }, [`${rows} rows of the index are under a new key.`]);
}

/** Opens every record and compares the parts of the store with each other. */
export async function keyringVerify(call: TrousseauCall): Promise<ExitStatus> {
  const report = await withUpkeep(call, "verify", "Opening every record");
  const { secrets, values, problems, problemCount } = report;
  printed(call, report, [
    `${secrets} secrets with ${values} values were opened; ${problemCount === 0 ? "all is sound." : "problems:"}`,
    ...problems.map((problem) => `  ${problem}`),
    ...(problemCount > problems.length ? [`  and ${problemCount - problems.length} more.`] : []),
  ]);
  return problemCount === 0 ? exitCodes.ok.status : exitCodes.unmet.status;
}

/** Makes a new certificate authority; the old one is trusted for 90 days more. */
export async function keyringCaRotate(call: TrousseauCall): Promise<ExitStatus> {
  const report = await withUpkeep(call, "rotate-authority", "Making a certificate authority");
  return printed(call, report, [
    `A new certificate authority signs the certificates of people from now on; ${report.authorities} are trusted.`,
    `Its fingerprint is ${report.fingerprint}. The server changes to it within 60 days, and the one before it is`,
    "trusted for 90 days. clectl learns the new one with its next certificate or token; programs with a file of the",
    "authorities need the new ca.pem of the state folder in that time.",
  ]);
}

function printed(call: TrousseauCall, document: unknown, lines: readonly string[]): ExitStatus {
  const { options, terminal: { stdout } } = call;
  if (options.json) json(stdout, document);
  else for (const text of lines) line(stdout, text);
  return exitCodes.ok.status;
}
