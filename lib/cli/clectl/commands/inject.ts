/**
 * The commands that write a value which exists already: `create`, `update` and `patch`.
 *
 * @module
 */
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { WrittenAnswer } from "../../../api/keyring/secret_schemas.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import type { PatchOptions, SecretsApi } from "../api/secrets_api.ts";
import { attributesOf, casOf, labelsOf, refuseRepeated, removedLabels, secretAt, wholeNumber } from "../arguments.ts";
import type { ClectlCall } from "../options.ts";
import { printSentence } from "../output/print.ts";
import { withSecrets } from "../session.ts";
import { pointInTime } from "../times.ts";
import { checkFieldName, type FieldInput, inputFields } from "../values/field_input.ts";

/** `create PATH`: a secret that does not exist yet. */
export async function create(call: ClectlCall): Promise<ExitStatus> {
  const path = secretAt(call);
  const [cas, attributes] = [casOf(call.options), attributesOf(call)];
  const fields = await inputFields(call, path);
  return await withSecrets(call, async (secrets) => {
    await refuseEmpty(fields, call, secrets, path, cas ?? 0);
    const written = await secrets.create(path, fields.text, attributes, cas === 0 ? undefined : cas);
    return await printWritten(call, written, "created", fields);
  });
}

/** `update PATH`: a new version with these fields alone. */
export async function update(call: ClectlCall): Promise<ExitStatus> {
  const path = secretAt(call);
  const [cas, attributes] = [casOf(call.options), attributesOf(call)];
  const fields = await inputFields(call, path);
  return await withSecrets(call, async (secrets) => {
    await refuseEmpty(fields, call, secrets, path, cas);
    return await printWritten(call, await secrets.update(path, fields.text, attributes, cas), "updated", fields);
  });
}

/** `patch PATH`: a new version with some fields changed, or other labels, expiry or number of kept versions. */
export async function patch(call: ClectlCall): Promise<ExitStatus> {
  const path = secretAt(call);
  const { options } = call;
  const cas = casOf(options);
  const changes = changesOf(call);
  const removed = options["remove-field"] ?? [];
  removed.forEach(checkFieldName);
  const given = namesField(options) ? await inputFields(call, path) : undefined;
  refuseRepeated([...(given?.names ?? []), ...removed], "field");
  const text = fieldChangesText(given, removed);
  if (text === undefined && Object.keys(changes).length === 0) {
    throw new UsageError(
      "Nothing is to be changed: give --field, --label, --expires, --keep or a --remove option.",
      "patch",
    );
  }
  return await withSecrets(call, async (secrets) => {
    if (given !== undefined) await refuseEmpty(given, call, secrets, path, cas);
    return await printWritten(call, await secrets.patch(path, text, changes, cas), "changed", given);
  });
}

function changesOf({ options, terminal }: ClectlCall): PatchOptions {
  const { expires, keep } = options;
  const [added, removed] = [labelsOf(options) ?? {}, removedLabels(options)];
  refuseRepeated([...Object.keys(added), ...removed], "label");
  const all = { ...added, ...Object.fromEntries(removed.map((name) => [name, null])) };
  return {
    ...(Object.keys(all).length === 0 ? {} : { labels: all }),
    ...(expires === undefined
      ? {}
      : { expiresAt: expires === "never" ? null : pointInTime(expires, "--expires", terminal.clock) }),
    ...(keep === undefined ? {} : { keptVersions: wholeNumber(keep, "--keep", 1) }),
  };
}

/** Whether the options name a value to write. */
function namesField({ field, fields, "field-file": files, stdin, file }: ClectlCall["options"]): boolean {
  return [field, fields, files, stdin, file].some((option) => option !== undefined);
}

function fieldChangesText(given: FieldInput | undefined, removed: readonly string[]): string | undefined {
  if (removed.length === 0) return given?.text;
  const nulls = removed.map((name) => `${JSON.stringify(name)}:null`).join(",");
  return given === undefined ? `{${nulls}}` : `${given.text.slice(0, -1)},${nulls}}`;
}

/** An empty value is refused. Whether the version is the expected one is examined before. */
async function refuseEmpty(
  { hasEmpty }: FieldInput,
  { options, program }: ClectlCall,
  secrets: SecretsApi,
  path: SecretPath,
  cas: number | undefined,
): Promise<void> {
  if (!hasEmpty || options["allow-empty"]) return;
  if (cas !== undefined) await checkVersion(secrets, path, cas);
  throw new UsageError(`The value is empty: use --allow-empty if ${program.name} is to store it.`);
}

async function checkVersion(secrets: SecretsApi, path: SecretPath, cas: number): Promise<void> {
  let version: number;
  try {
    version = (await secrets.history(path)).currentVersion;
  } catch (thrown) {
    if (cas === 0 && thrown instanceof KeyringError && thrown.code === "not_found") return;
    throw thrown;
  }
  if (version === cas) return;
  const message = cas === 0
    ? `"${path}" exists already, in version ${version}.`
    : `"${path}" has version ${version}, not ${cas}.`;
  throw new KeyringError(cas === 0 ? "exists" : "version_mismatch", message, { version });
}

async function printWritten(
  call: ClectlCall,
  { path, version }: WrittenAnswer,
  done: string,
  fields: FieldInput | undefined,
): Promise<ExitStatus> {
  const { options, terminal } = call;
  for (const remark of options.quiet ? [] : fields?.remarks ?? []) line(terminal.stderr, remark);
  await printSentence(call, { path, version }, `${path}: version ${version} ${done}`);
  return exitCodes.ok.status;
}
