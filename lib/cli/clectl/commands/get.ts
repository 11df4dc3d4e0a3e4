/**
 * The command `get`: the values of a secret.
 *
 * @module
 */
import { base64, exactText } from "../../../base/bytes.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import { environmentFile } from "../../../api/keyring/dialects.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { table } from "../../table.ts";
import type { SecretWithValues } from "../api/secret_answers.ts";
import { secretAt, wholeNumber } from "../arguments.ts";
import { confirmed } from "../confirmation.ts";
import type { ClectlCall } from "../options.ts";
import { printedDocument } from "../output/print.ts";
import { visible, visibleLines, writeText } from "../output/visible.ts";
import { withSecrets } from "../session.ts";
import { checkFieldName } from "../values/field_input.ts";

/** `get PATH`: all fields, or `--field`. On a terminal it asks before it shows a value, unless `--show`. */
export async function get(call: ClectlCall): Promise<ExitStatus> {
  const path = secretAt(call);
  const { options, terminal } = call;
  const { at, field } = options;
  if (field !== undefined) checkFieldName(field);
  if (options.dialect !== undefined && options.valueFormat !== "env") {
    throw new UsageError("--dialect is for -o env.", "get");
  }
  const version = at === undefined ? undefined : wholeNumber(at, "--at", 1);
  if (terminal.stdout.isTerminal && !options.show) {
    const what = field === undefined ? `the values of ${visible(path)}` : `the value of ${field} in ${visible(path)}`;
    if (!await confirmed(call, `Show ${what} on this terminal?`, "--show")) return exitCodes.unmet.status;
  }
  return await withSecrets(call, async (secrets) => {
    await printSecret(call, await secrets.read(path, version, field));
    return exitCodes.ok.status;
  });
}

async function printSecret(call: ClectlCall, secret: SecretWithValues): Promise<void> {
  const { options, terminal } = call;
  const { fields } = secret;
  const format = options.valueFormat ?? (options.field === undefined ? "table" : "raw");
  if (format === "env") return writeText(terminal.stdout, environmentFile(fields, options.dialect ?? "posix"));
  if (format === "raw") return printRaw(call, fields);
  if (await printedDocument(call, secretDocument(secret))) return;
  const rows = fields.map(({ name, kind, value }) => [visible(name), kind, shownValue(value)]);
  terminal.stdout.write(table(["field", "kind", "value"], rows, false));
}

/** A secret as `-o json` prints it. */
export function secretDocument({ fields, ...rest }: SecretWithValues): unknown {
  return { ...rest, fields: Object.fromEntries(fields.map((field) => [field.name, fieldDocument(field)])) };
}

function fieldDocument({ kind, value }: SecretField): unknown {
  if (kind === "bytes") return { kind, value: base64(value) };
  const text = exactText(value) ?? "";
  return { kind, value: kind === "json" ? JSON.parse(text) : text };
}

/** The bytes of one field: unchanged into a file or a pipe, visibly and with a newline on a terminal. */
function printRaw({ terminal }: ClectlCall, fields: readonly SecretField[]): void {
  const [only, ...others] = fields;
  if (only === undefined || others.length > 0) {
    throw new UsageError("-o raw prints one field: name it with --field.", "get");
  }
  if (!terminal.stdout.isTerminal) return terminal.writeBytes(only.value);
  const text = exactText(only.value);
  if (text === undefined) {
    throw new KeyringError("request_invalid", `The field ${only.name} is not text, and cannot be shown on a terminal.`);
  }
  terminal.stdout.write(`${visibleLines(text)}\n`);
}

function shownValue(value: Uint8Array): string {
  const text = exactText(value);
  return text === undefined ? `(${value.length} bytes)` : visible(text);
}
