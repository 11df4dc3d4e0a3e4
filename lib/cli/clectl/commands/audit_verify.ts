/**
 * The command `audit verify`: the chain and the signatures of an audit, without a server.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { KmsError } from "../../../base/errors.ts";
import { whyUnopened } from "../../../base/file_failures.ts";
import type { ChainPosition } from "../../../api/keyring/audit_format.ts";
import type { AuditFile } from "../../../api/keyring/audit_lines.ts";
import {
  auditKeyFingerprint,
  auditPublicKey,
  type AuditReport,
  verifyAudit,
} from "../../../api/keyring/audit_verify.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import type { ClectlCall } from "../options.ts";
import { printedDocument } from "../output/print.ts";
import { visible } from "../output/visible.ts";
import { fileBytes } from "../values/value_bytes.ts";

/** Maximum size of a public key's file in bytes. */
const maxKeyBytes = 16_384;

/** `audit verify FILE… --key FILE`: ends with 1 at the first line that does not verify. */
export async function auditVerify(call: ClectlCall): Promise<ExitStatus> {
  const { options, positionals, terminal } = call;
  if (options.key === undefined) {
    throw new UsageError("The key is missing: --key FILE, with what audit key printed.", "audit verify");
  }
  const key = auditPublicKey(utf8Text(await fileBytes(options.key, maxKeyBytes)) ?? "");
  const report = await verifyAudit(positionals.map(auditFile), key, keptHead(options.head));
  const { brokenAt } = report;
  const keyFingerprint = auditKeyFingerprint(key);
  if (!await printedDocument(call, { ...report, keyFingerprint })) {
    if (brokenAt !== undefined) {
      line(terminal.stdout, `${visible(brokenAt.file)}:${brokenAt.line}: The line ${visible(brokenAt.reason)}.`);
    }
    for (const text of options.quiet ? [] : reportLines(report, keyFingerprint)) line(terminal.stdout, visible(text));
  }
  return brokenAt === undefined ? exitCodes.ok.status : exitCodes.unmet.status;
}

function reportLines(report: AuditReport, keyFingerprint: string): readonly string[] {
  const { lines, firstSeq, firstTime, last, signedSeq, torn, lost } = report;
  const range = last === undefined
    ? "No line verifies."
    : `${lines} lines verify: from number ${firstSeq}, ${firstTime}, to number ${last.seq}, ${last.time}.`;
  const signed = signedSeq === undefined ? "No line is signed" : `They are signed up to number ${signedSeq}`;
  return [
    range,
    `${signed}. The fingerprint of the key is ${keyFingerprint} (SHA-256).`,
    `${torn} writes were cut off, ${lost} entries are lost.`,
  ];
}

/** @throws {UsageError} */
function keptHead(text: string | undefined): ChainPosition | undefined {
  if (text === undefined) return undefined;
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new UsageError("--head takes LINES:HASH, with what audit head printed.", "audit verify");
}

function auditFile(path: string): AuditFile {
  return { name: path, bytes: chunksOf(path) };
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (thrown) {
    throw new KmsError("config", `Cannot read the audit in ${visible(path)}: ${whyUnopened(thrown, path)}.`);
  }
  yield* file.readable;
}
