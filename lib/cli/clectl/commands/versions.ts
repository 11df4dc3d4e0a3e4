/**
 * The commands about versions: `delete`, `undelete`, `destroy`, `move`, `history` and `diff`.
 *
 * @module
 */
import { secretPath } from "../../../api/keyring/paths.ts";
import type { HistoryAnswer, WrittenAnswer } from "../../../api/keyring/secret_schemas.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import type { SecretsApi } from "../api/secrets_api.ts";
import { casOf, givenVersions, secretAt, wholeNumber } from "../arguments.ts";
import { confirmed } from "../confirmation.ts";
import type { ClectlCall } from "../options.ts";
import { printRows, printSentence } from "../output/print.ts";
import { visible } from "../output/visible.ts";
import { withSecrets } from "../session.ts";

/** `delete PATH`: can be taken back. */
export async function deleteSecret(call: ClectlCall): Promise<ExitStatus> {
  const [path, versions, cas] = [secretAt(call), givenVersions(call.options), casOf(call.options)];
  return await written(call, (secrets) => secrets.delete(path, versions, cas), "deleted");
}

/** `undelete PATH`. */
export async function undelete(call: ClectlCall): Promise<ExitStatus> {
  const [path, versions, cas] = [secretAt(call), givenVersions(call.options), casOf(call.options)];
  return await written(call, (secrets) => secrets.undelete(path, versions, cas), "undeleted");
}

/** `destroy PATH --versions N,…`: cannot be taken back, so it asks. */
export async function destroy(call: ClectlCall): Promise<ExitStatus> {
  const [path, versions, cas] = [secretAt(call), givenVersions(call.options), casOf(call.options)];
  if (versions === undefined) throw new UsageError("The versions are missing: --versions 1,2.", "destroy");
  const which = `version${versions.length === 1 ? "" : "s"} ${versions.join(", ")}`;
  const question = `Destroy ${which} of ${visible(path)} for good?`;
  if (!call.options.yes && !await confirmed(call, question, "--yes")) return exitCodes.unmet.status;
  return await written(call, (secrets) => secrets.destroy(path, versions, cas), "destroyed");
}

/** `move FROM TO`: with ID and history. */
export async function move(call: ClectlCall): Promise<ExitStatus> {
  const [from, cas] = [secretAt(call), casOf(call.options)];
  const to = secretPath(call.positionals[1] ?? "");
  return await written(call, (secrets) => secrets.move(from, to, cas), "moved");
}

async function written(
  call: ClectlCall,
  write: (secrets: SecretsApi) => Promise<WrittenAnswer>,
  done: string,
): Promise<ExitStatus> {
  return await withSecrets(call, async (secrets) => {
    const answer = await write(secrets);
    await printSentence(call, answer, `${answer.path}: ${done}, the newest version is ${answer.version}`);
    return exitCodes.ok.status;
  });
}

/** `history PATH`: all versions, without values. */
export async function history(call: ClectlCall): Promise<ExitStatus> {
  const path = secretAt(call);
  return await withSecrets(call, async (secrets) => {
    const found = await secrets.history(path);
    const header = ["version", "state", "created", "fields", "fingerprint"];
    await printRows(call, found, header, found.versions.map(versionCells));
    return exitCodes.ok.status;
  });
}

function versionCells(one: HistoryAnswer["versions"][number]): readonly string[] {
  const fields = one.fields.map(({ name }) => visible(name)).join(" ");
  const origin = one.fingerprint ?? (one.generated ? "generated" : "");
  return [String(one.version), one.state, one.createdAt, fields, origin];
}

/** `diff PATH`: the names of the fields that differ, never values. Ends with 1 if any does, as diff(1). */
export async function diff(call: ClectlCall): Promise<ExitStatus> {
  const path = secretAt(call);
  const { from, upto, quiet } = call.options;
  return await withSecrets(call, async (secrets) => {
    const newer = upto === undefined ? (await secrets.history(path)).currentVersion : wholeNumber(upto, "--to", 1);
    const older = from === undefined ? newer - 1 : wholeNumber(from, "--from", 1);
    if (older < 1) {
      throw new UsageError("There is no version before the first one: name two with --from and --to.", "diff");
    }
    const found = await secrets.diff(path, older, newer);
    const { added, removed, changed } = found;
    const rows = Object.entries({ added, removed, changed }).flatMap(([state, names]) =>
      names.map((name) => [visible(name), state])
    );
    if (!quiet) await printRows(call, { path, from: older, to: newer, ...found }, ["field", "state"], rows);
    if (rows.length === 0 && !quiet) line(call.terminal.stderr, `${call.program.name}: No field differs.`);
    return rows.length === 0 ? exitCodes.ok.status : exitCodes.unmet.status;
  });
}
