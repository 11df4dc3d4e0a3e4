/**
 * The command `get`: the values of a secret.
 *
 * @module
 */
import { base64, exactText } from "../../../base/bytes.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import { environmentFile } from "../../../api/keyring/dialects.ts";
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { table } from "../../table.ts";
import type { SecretWithValues } from "../api/secret_answers.ts";
import type { SecretsApi } from "../api/secrets_api.ts";
import { refuseRepeated, secretAt, wholeNumber } from "../arguments.ts";
import { confirmed } from "../confirmation.ts";
import type { ClectlCall } from "../options.ts";
import { parseExactJson } from "../exact_json.ts";
import { printedDocument } from "../output/print.ts";
import { visible, visibleLines, writeText } from "../output/visible.ts";
import { withSecrets } from "../session.ts";
import { checkFieldName } from "../values/field_input.ts";

/** `get PATH…`: all fields, or those of `--field`. On a terminal it asks before it shows a value, unless `--show`. */
export async function get(call: ClectlCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const wanted = wantedOf(call);
  if (options.dialect !== undefined && options.valueFormat !== "env") {
    throw new UsageError("--dialect is for -o env.", "get");
  }
  if (terminal.stdout.isTerminal && !options.show) {
    if (!await confirmed(call, `Show ${described(wanted)} on this terminal?`, "--show")) return exitCodes.unmet.status;
  }
  return await withSecrets(call, async (secrets) => {
    await printSecrets(call, await readAll(secrets, wanted));
    return exitCodes.ok.status;
  });
}

/** The values that the words and options name. */
interface WantedValues {
  readonly paths: readonly SecretPath[];
  /** All fields if it is empty. */
  readonly fields: readonly string[];
  readonly version: number | undefined;
}

/** @throws {UsageError} @throws {KeyringError} `path_invalid` */
function wantedOf(call: ClectlCall): WantedValues {
  const { options: { at, field: fields = [] }, positionals } = call;
  const paths = positionals.map((_, index) => secretAt(call, index));
  fields.forEach(checkFieldName);
  refuseRepeated(fields, "field");
  refuseRepeated(paths, "path");
  if (at !== undefined && paths.length > 1) throw new UsageError("--at is the version of one path.", "get");
  return { paths, fields, version: at === undefined ? undefined : wholeNumber(at, "--at", 1) };
}

function described({ paths, fields }: WantedValues): string {
  const secrets = visible(paths.join(", "));
  if (fields.length === 0) return `the values of ${secrets}`;
  return `the value${fields.length === 1 ? "" : "s"} of ${fields.join(", ")} in ${secrets}`;
}

/** All secrets, in the order of their paths. @throws {KeyringError} the problem of the first that cannot be read. */
async function readAll(
  secrets: SecretsApi,
  { paths, fields, version }: WantedValues,
): Promise<readonly SecretWithValues[]> {
  const [only, ...others] = paths;
  if (fields.length > 0) {
    return await Array.fromAsync(paths, (path) => readFields(secrets, path, fields, version));
  }
  if (only !== undefined && others.length === 0) return [await secrets.read(only, version)];
  const results = await secrets.readMany(paths);
  return results.map(({ secret, problem }) => {
    if (secret === undefined) throw problem;
    return secret;
  });
}

/** Each field by a request of its own, so that no other value leaves the server; all of the same version. */
async function readFields(
  secrets: SecretsApi,
  path: SecretPath,
  [first, ...others]: readonly string[],
  version: number | undefined,
): Promise<SecretWithValues> {
  const secret = await secrets.read(path, version, first);
  const more = await Array.fromAsync(others, (field) => secrets.read(path, secret.version, field));
  return { ...secret, fields: [secret, ...more].flatMap(({ fields }) => fields) };
}

async function printSecrets(call: ClectlCall, secrets: readonly SecretWithValues[]): Promise<void> {
  const { options, terminal } = call;
  const [only, ...others] = secrets;
  const fields = secrets.flatMap(({ fields }) => fields);
  const format = options.valueFormat ?? (options.field?.length === 1 && others.length === 0 ? "raw" : "table");
  if (format === "env") return writeText(terminal.stdout, environmentFile(fields, options.dialect ?? "posix"));
  if (format === "raw") return printRaw(call, fields);
  const isOne = only !== undefined && others.length === 0;
  const documents = secrets.map((secret) => secretDocument(secret, format === "yaml" ? "yaml" : "json"));
  if (await printedDocument(call, isOne ? documents[0] : documents)) return;
  const rows = secrets.flatMap(({ path, fields }) =>
    fields.map(({ name, kind, value }) => [...(isOne ? [] : [visible(path)]), visible(name), kind, shownValue(value)])
  );
  terminal.stdout.write(table([...(isOne ? [] : ["path"]), "field", "kind", "value"], rows, false));
}

/**
 * A secret as `-o json` and `-o yaml` print it.
 *
 * @param format for JSON, numbers stay as they are written; YAML has no such form.
 */
export function secretDocument({ fields, ...rest }: SecretWithValues, format: "json" | "yaml"): unknown {
  const parse = format === "json" ? parseExactJson : JSON.parse;
  return { ...rest, fields: Object.fromEntries(fields.map((field) => [field.name, fieldDocument(field, parse)])) };
}

function fieldDocument({ kind, value }: SecretField, parse: (text: string) => unknown): unknown {
  if (kind === "bytes") return { kind, value: base64(value) };
  const text = exactText(value) ?? "";
  return { kind, value: kind === "json" ? parse(text) : text };
}

/** The bytes of one field: unchanged into a file or a pipe, visibly and with a newline on a terminal. */
function printRaw({ terminal }: ClectlCall, fields: readonly SecretField[]): void {
  const [only, ...others] = fields;
  if (only === undefined || others.length > 0) {
    throw new UsageError("-o raw prints one field of one secret: name it with --field.", "get");
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
