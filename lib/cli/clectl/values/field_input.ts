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
import type { ClectlCall } from "../options.ts";
import { readValue } from "./value_bytes.ts";

/** The fields of a write. */
export interface FieldInput {
  /** A JSON object: each field by its name, as `fieldInput` of the API's schemas. */
  readonly text: string;
  /** Whether a value has no bytes. */
  readonly hasEmpty: boolean;
  /** As in {@linkcode GivenValue}. */
  readonly remark: string | undefined;
}

/**
 * Reads the value of `--field`, or with `--fields` an object of several.
 *
 * @param path the secret, for the prompt.
 * @throws {UsageError} @throws {KeyringError} `request_invalid`
 */
export async function inputFields(call: ClectlCall, path: string): Promise<FieldInput> {
  const { field, fields, kind = "text" } = call.options;
  if (fields) {
    if (field !== undefined) throw new UsageError("--field and --fields contradict each other.");
    using given = await readValue(call, `Fields of ${path} as a JSON object`, false);
    const { text, hasEmpty } = severalFields(given.secret.bytes);
    return { text, hasEmpty, remark: given.remark };
  }
  if (field === undefined) throw new UsageError("The name of the field is missing: --field NAME.");
  checkFieldName(field);
  using given = await readValue(call, `Value of ${field} in ${path}`, kind === "bytes");
  const { bytes } = given.secret;
  return {
    text: `{${JSON.stringify(field)}:${fieldText(field, kind, bytes)}}`,
    hasEmpty: bytes.length === 0,
    remark: given.remark,
  };
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
function severalFields(bytes: Uint8Array): Pick<FieldInput, "text" | "hasEmpty"> {
  const object = parsedObject(exactText(bytes) ?? "");
  const fields = Object.entries(object);
  if (fields.length === 0) throw new KeyringError("request_invalid", "The JSON object has no fields in it.");
  for (const [name] of fields) checkFieldName(name);
  const texts = fields.map(([name, value]) =>
    `${JSON.stringify(name)}:{"kind":"${typeof value === "string" ? "text" : "json"}","value":${JSON.stringify(value)}}`
  );
  return { text: `{${texts.join(",")}}`, hasEmpty: fields.some(([, value]) => value === "") };
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
