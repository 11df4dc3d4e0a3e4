/**
 * Formats in JSON: `clectl export`, trees of Vault's KV, and Bitwarden's unencrypted export.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { type FieldKind, fieldKinds } from "../../../api/keyring/fields.ts";
import { isJsonObject, parseExactJson } from "../exact_json.ts";
import {
  ImportBuilder,
  type ImportedField,
  type ImportedFile,
  type ReaderOptions,
  UnreadableImportError,
} from "./rows.ts";
import { addTree } from "./tree.ts";

/** @throws {UnreadableImportError} */
export function parsedImport(bytes: Uint8Array): unknown {
  try {
    return parseExactJson(utf8Text(bytes) ?? "");
  } catch {
    throw new UnreadableImportError("it is not JSON");
  }
}

const notRows =
  "it is not a list of objects with path and fields; for other JSON name a format, such as bitwarden, vault or sops";

/**
 * A list of secrets, as `clectl export -o json` prints it: objects with `path` and `fields`, and `labels` if there are any.
 * A field is a text, or an object with `kind` and `value`.
 */
export function readJsonRows(bytes: Uint8Array): Promise<ImportedFile> {
  const list = parsedImport(bytes);
  if (!Array.isArray(list)) throw new UnreadableImportError(notRows);
  const builder = new ImportBuilder();
  list.forEach((item: unknown, at) => {
    const place = `item ${at + 1}`;
    if (!isJsonObject(item) || typeof item["path"] !== "string" || !isJsonObject(item["fields"])) {
      return builder.complain(place, "it is not an object with path and fields");
    }
    const fields = Object.entries(item["fields"]).flatMap(([name, value]) => {
      const field = jsonField(name, value);
      if (field === undefined) {
        builder.complain(place, `its field ${JSON.stringify(name)} is neither a text nor kind and value`);
      }
      return field === undefined ? [] : [field];
    });
    const labels = isJsonObject(item["labels"]) ? item["labels"] : {};
    const texts = Object.entries(labels).filter((pair): pair is [string, string] => typeof pair[1] === "string");
    if (texts.length < Object.keys(labels).length) builder.complain(place, "one of its labels is not a text");
    builder.add(place, item["path"], fields, Object.fromEntries(texts));
  });
  return Promise.resolve(builder.end());
}

function jsonField(name: string, value: unknown): ImportedField | undefined {
  if (typeof value === "string") return { name, kind: "text", value };
  if (!isJsonObject(value) || !("value" in value)) return undefined;
  const { kind = "text", value: inner } = value;
  if (typeof kind !== "string" || !Object.hasOwn(fieldKinds, kind)) return undefined;
  if (kind === "json") return { name, kind, value: JSON.stringify(inner) };
  const isValid = typeof inner === "string" && (kind === "text" || base64Pattern.test(inner));
  return isValid ? { name, kind: kind as FieldKind, value: inner } : undefined;
}

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Vault's KV: the answer of `vault kv get -format=json` (version 1 or 2), which has no path, or a tree of folders whose
 * leaves are secrets.
 */
export function readVaultRows(bytes: Uint8Array, { path }: ReaderOptions): Promise<ImportedFile> {
  const value = parsedImport(bytes);
  if (!isJsonObject(value)) throw new UnreadableImportError("it is neither an answer of Vault nor a tree of secrets");
  const builder = new ImportBuilder();
  const answer = "request_id" in value && isJsonObject(value["data"]) ? value["data"] : undefined;
  const isVersioned = answer !== undefined && isJsonObject(answer["data"]) && isJsonObject(answer["metadata"]);
  if (answer !== undefined && path === undefined) throw needsPath();
  addTree(builder, (isVersioned ? answer["data"] : answer) ?? value, path ?? "", { json: true });
  return Promise.resolve(builder.end());
}

/** The error for a format without paths. */
export function needsPath(): UnreadableImportError {
  return new UnreadableImportError("its format has no path: name one with --path");
}
