/**
 * Reads and verifies the audits that tests write.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { ChainPosition } from "../../lib/api/keyring/audit_format.ts";
import { type AuditReport, verifyAudit } from "../../lib/api/keyring/audit_verify.ts";

/** A key pair for the audits of one test file. */
export const auditKeys = generateKeyPairSync("ed25519");

/** Verifies files, the oldest first. */
export async function verifiedFiles(paths: readonly string[], expected?: ChainPosition): Promise<AuditReport> {
  const files = paths.map((name) => ({ name, bytes: bytesOf(name) }));
  return await verifyAudit(files, auditKeys.publicKey, expected);
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  yield* file.readable;
}

/** The fields of all lines. */
export function auditLinesIn(path: string): readonly Record<string, unknown>[] {
  return Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Fails unless the files verify, and returns the report. */
export async function assertVerified(paths: readonly string[], expected?: ChainPosition): Promise<AuditReport> {
  const report = await verifiedFiles(paths, expected);
  equal(report.brokenAt, undefined);
  return report;
}
