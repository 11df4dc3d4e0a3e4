/**
 * The commands for administrators: `policy`, `audit key`, `audit head` and `backup`.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import * as answers from "../api/identity_answers.ts";
import { casOf } from "../arguments.ts";
import type { ClectlCall } from "../options.ts";
import { printedDocument, printRows, printSentence } from "../output/print.ts";
import { visible, writeText } from "../output/visible.ts";
import { withClient } from "../session.ts";
import { fileBytes } from "../values/value_bytes.ts";

const { ok } = exitCodes;

/** Maximum size of a policy in bytes. */
const maxPolicyBytes = 1_048_576;

/** `policy get`: the text as it was set. */
export async function getPolicy(call: ClectlCall): Promise<ExitStatus> {
  return await withClient(call, async (client) => {
    const policy = await client.json({ method: "GET", path: "policy" }, answers.policyOf);
    if (await printedDocument(call, policy)) return ok.status;
    if (policy.text === "") {
      line(call.terminal.stderr, `${call.program.name}: There is no policy yet: only the admin socket has rights.`);
      return ok.status;
    }
    writeText(call.terminal.stdout, policy.text.endsWith("\n") ? policy.text : `${policy.text}\n`);
    return ok.status;
  });
}

/** `policy set FILE`. */
export async function setPolicy(call: ClectlCall): Promise<ExitStatus> {
  const { positionals: [file = ""], options } = call;
  const text = utf8Text(await fileBytes(file, maxPolicyBytes));
  if (text === undefined) {
    throw new KeyringError("request_invalid", `The policy in ${visible(file)} is not UTF-8 text.`);
  }
  const cas = casOf(options);
  return await withClient(call, async (client) => {
    const put = { method: "PUT", path: "policy", body: JSON.stringify({ text }) } as const;
    const answer = await client.json({ ...put, ...(cas === undefined ? {} : { ifMatch: cas }) }, answers.policySetOf);
    await printSentence(call, answer, `The policy has version ${answer.version}.`);
    return ok.status;
  });
}

/** `audit key`: the public key for `audit verify`, PEM. */
export async function auditKey(call: ClectlCall): Promise<ExitStatus> {
  return await withClient(call, async (client) => {
    const answer = await client.json({ method: "GET", path: "audit/key" }, answers.auditKeyOf);
    if (!await printedDocument(call, answer)) writeText(call.terminal.stdout, `${answer.publicKey.trimEnd()}\n`);
    return ok.status;
  });
}

/** `audit head`: the newest line, to be kept elsewhere. */
export async function auditHead(call: ClectlCall): Promise<ExitStatus> {
  return await withClient(call, async (client) => {
    const head = await client.json({ method: "GET", path: "audit/head" }, answers.auditHeadOf);
    const rows = [[String(head.lines), visible(head.hash), visible(head.at)]];
    await printRows(call, head, ["lines", "hash", "at"], rows);
    return ok.status;
  });
}

/**
 * `backup`: the sealed backup on standard output, or in the file of `--to`.
 *
 * @throws {KeyringError} `backup_unopenable` where no key outside the server would open it; then nothing is written.
 */
export async function backup(call: ClectlCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const { to } = options;
  if (to === undefined && terminal.stdout.isTerminal) {
    throw new UsageError("A backup is binary: use --to FILE, or send standard output elsewhere.", "backup");
  }
  return await withClient(call, async (client) => {
    const query = options["key-file-kept-elsewhere"] ? { keyFile: "kept-elsewhere" } : {};
    using answer = await client.open({ method: "GET", path: "backup", query }, "application/octet-stream");
    if (to !== undefined) await (await import("../output/stream_to_file.ts")).streamToFile(to, answer.chunks);
    else for await (const chunk of answer.chunks) terminal.writeBytes(chunk);
    return ok.status;
  });
}
