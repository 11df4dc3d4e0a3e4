/**
 * The unencrypted JSON export of Bitwarden.
 *
 * @module
 */
import { isJsonObject } from "../exact_json.ts";
import type { JsonObject } from "../connection/shape.ts";
import { parsedImport } from "./json_rows.ts";
import {
  fieldNameOf,
  ImportBuilder,
  type ImportedField,
  type ImportedFile,
  textOf,
  UnreadableImportError,
} from "./rows.ts";

/** Parts of an item by its type: logins have their own function. */
const parts = { 3: "card", 4: "identity", 5: "sshKey" } as const;

/** Reads an export. The folder of an item is its path, and a slash in a folder's name separates folders. */
export function readBitwarden(bytes: Uint8Array): Promise<ImportedFile> {
  const value = parsedImport(bytes);
  if (!isJsonObject(value) || !Array.isArray(value["items"])) {
    throw new UnreadableImportError("it is no export of Bitwarden");
  }
  if (value["encrypted"] !== false) {
    throw new UnreadableImportError("it is encrypted; export it as .json without a password");
  }
  const folders = new Map([...objectsIn(value["folders"]), ...objectsIn(value["collections"])]
    .map(({ id, name }) => [id, name]));
  const builder = new ImportBuilder();
  value["items"].forEach((item: unknown, at) => {
    const place = `item ${at + 1}`;
    if (isJsonObject(item)) addItem(builder, place, item, folders);
    else builder.complain(place, "it is not an object");
  });
  return Promise.resolve(builder.end());
}

function addItem(
  builder: ImportBuilder,
  place: string,
  item: JsonObject,
  folders: ReadonlyMap<unknown, unknown>,
): void {
  const { type, name, folderId, collectionIds, notes, login } = item;
  if (typeof name !== "string") return builder.complain(place, "it has no name");
  if (item["deletedDate"] !== undefined && item["deletedDate"] !== null) {
    return builder.leaveOut(place, "it is in the trash");
  }
  const collection = Array.isArray(collectionIds) ? collectionIds[0] : undefined;
  const folder = folders.get(folderId ?? collection);
  const part = typeof type === "number" && type in parts ? item[parts[type as keyof typeof parts]] : undefined;
  const fields = [
    ...(type === 1 && isJsonObject(login) ? loginFields(login) : []),
    ...(isJsonObject(part) ? textsIn(part) : []),
    ...customFields(item),
    ...(typeof notes === "string" ? [textOf("notes", notes)] : []),
  ];
  if (type !== 1 && type !== 2 && part === undefined) builder.complain(place, "it is of a type that is not known");
  if (Array.isArray(item["attachments"]) && item["attachments"].length > 0) {
    builder.leaveOut(place, "its attachments are not in the export");
  }
  builder.add(place, typeof folder === "string" ? `${folder}/${name}` : name, fields);
}

function loginFields(login: JsonObject): readonly ImportedField[] {
  const plain = ["username", "password", "totp"].flatMap((name) => {
    const value = login[name];
    return typeof value === "string" ? [textOf(name, value)] : [];
  });
  const urls = objectsIn(login["uris"]).flatMap(({ uri }) => typeof uri === "string" ? [uri] : []);
  return [...plain, ...urls.map((uri, at) => textOf(at === 0 ? "url" : `url_${at + 1}`, uri))];
}

function textsIn(part: JsonObject): readonly ImportedField[] {
  return Object.entries(part).flatMap(([name, value]) => typeof value === "string" ? [textOf(name, value)] : []);
}

function customFields(item: JsonObject): readonly ImportedField[] {
  return objectsIn(item["fields"]).flatMap(({ name, value }) =>
    typeof name === "string" && typeof value === "string" ? [textOf(fieldNameOf(name), value)] : []
  );
}

function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
