/**
 * The fields of a write as the JSON text of a request.
 *
 * @module
 */
import { base64, exactText } from "../../../base/bytes.ts";
import { type FieldKind, fieldNamePattern } from "../../../api/keyring/fields.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { UsageError } from "../../command.ts";
import { isJsonObject, parseExactJson } from "../exact_json.ts";
import { refuseRepeated } from "../arguments.ts";
import type { ClectlCall } from "../options.ts";
import { type GivenValue, readValue, valueOfFile } from "./value_bytes.ts";

/** The fields of a write. */
export interface FieldInput {
  /** A JSON object: each field by its name, as `fieldInput` of the API's schemas. */
  readonly text: string;
  /** Whether a value has no bytes. */
  readonly hasEmpty: boolean;
  readonly names: readonly string[];
  /** As in {@linkcode GivenValue}, one for each place that the values came from. */
  readonly remarks: readonly string[];
}

/**
 * Reads the values of `--field` and `--field-file`, or with `--fields` an object of several.
 *
 * @param path the secret, for the prompt.
 * @throws {UsageError} @throws {KeyringError} `request_invalid`
 */
export async function inputFields(call: ClectlCall, path: string): Promise<FieldInput> {
  const { field = [], fields, kind = "text" } = call.options;
  const files = (call.options["field-file"] ?? []).map(fieldFile);
  const names = [...field, ...files.map(({ name }) => name)];
  if (fields) {
    if (names.length > 0) throw new UsageError("--fields has all fields in it; leave out --field and --field-file.");
    using given = await readValue(call, `Fields of ${path} as a JSON object`, false);
    return { ...severalFields(given.secret.bytes), remarks: remarksOf([given]) };
  }
  checkSources(call, names);
  const values: GivenValue[] = [];
  try {
    for (const name of field) values.push(await readValue(call, `Value of ${name} in ${path}`, kind === "bytes"));
    for (const { file } of files) values.push(await valueOfFile(file, call));
    const texts = values.map(({ secret }, index) => fieldMember(names[index] ?? "", kind, secret.bytes));
    const hasEmpty = values.some(({ secret }) => secret.bytes.length === 0);
    return { text: `{${texts.join(",")}}`, names, hasEmpty, remarks: remarksOf(values) };
  } finally {
    for (const value of values) value[Symbol.dispose]();
  }
}

/** @throws {UsageError} if no field is named, a name is wrong, or one value is to serve several fields. */
function checkSources({ options }: ClectlCall, names: readonly string[]): void {
  const { field = [], stdin, file } = options;
  const source = stdin ? "--stdin" : file === undefined ? undefined : "--file";
  if (names.length === 0 || (source !== undefined && field.length === 0)) {
    throw new UsageError("The name of the field is missing: --field NAME.");
  }
  names.forEach(checkFieldName);
  refuseRepeated(names, "field");
  if (source === undefined || field.length === 1) return;
  throw new UsageError(
    `${source} is the value of one field: give the others as --field-file NAME=FILE, or all as JSON with --fields.`,
  );
}

/** @throws {UsageError} */
function fieldFile(text: string): { readonly name: string; readonly file: string } {
  const [, name, file] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name !== undefined && file !== undefined) return { name, file };
  throw new UsageError("--field-file takes NAME=FILE, as in cert=web.pem.");
}

function fieldMember(name: string, kind: FieldKind, bytes: Uint8Array): string {
  return `${JSON.stringify(name)}:${fieldText(name, kind, bytes)}`;
}

/** The sentences about the values, each once. */
function remarksOf(values: readonly GivenValue[]): readonly string[] {
  return [...new Set(values.flatMap(({ remark }) => remark === undefined ? [] : [remark]))];
}

/** @throws {UsageError} */
export function checkFieldName(name: string): void {
  if (fieldNamePattern.test(name)) return;
  throw new UsageError(
    "The name of a field has 1 to 128 letters, digits, _, - and ., and begins with a letter, a digit or _.",
  );
}

/**
 * One field as JSON. A JSON value stays as it is written.
 *
 * @throws {KeyringError} `request_invalid`; it contains nothing of the value.
 */
export function fieldText(name: string, kind: FieldKind, bytes: Uint8Array): string {
  if (kind === "bytes") return `{"kind":"bytes","value":${JSON.stringify(base64(bytes))}}`;
  const text = exactText(bytes);
  if (text === undefined) {
    throw new KeyringError("request_invalid", `The value of ${name} is not UTF-8 text: use --kind bytes.`);
  }
  if (kind === "text") return `{"kind":"text","value":${JSON.stringify(text)}}`;
  if (!isJson(text)) throw new KeyringError("request_invalid", `The value of ${name} is not JSON.`);
  return `{"kind":"json","value":${text.trim()}}`;
}

/** Texts become fields of the kind text, all other JSON values fields of the kind json. */
function severalFields(bytes: Uint8Array): Omit<FieldInput, "remarks"> {
  const object = parsedObject(exactText(bytes) ?? "");
  const fields = Object.entries(object);
  if (fields.length === 0) throw new KeyringError("request_invalid", "The JSON object has no fields in it.");
  for (const [name] of fields) checkFieldName(name);
  const texts = fields.map(([name, value]) =>
    `${JSON.stringify(name)}:{"kind":"${typeof value === "string" ? "text" : "json"}","value":${JSON.stringify(value)}}`
  );
  const names = fields.map(([name]) => name);
  return { text: `{${texts.join(",")}}`, names, hasEmpty: fields.some(([, value]) => value === "") };
}

function parsedObject(text: string): object {
  const value = isJson(text) ? parseExactJson(text) : undefined;
  if (isJsonObject(value)) return value;
  throw new KeyringError(
    "request_invalid",
    "The input of --fields is not a JSON object with one member for each field.",
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
