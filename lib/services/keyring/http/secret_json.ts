/**
 * Secrets as JSON: fields from requests, and secrets for answers.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { fieldInput } from "../../../api/keyring/common_schemas.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { base64, exactText, fromBase64, utf8 } from "../../../base/bytes.ts";
import { rfc3339 } from "../../../base/clock.ts";
import { jsonMemberTexts, jsonSlice } from "./json_slices.ts";
import type { ReadSecret, SecretInfo, SecretVersion } from "../secrets/model.ts";

type FieldInput = z.output<typeof fieldInput>;

/**
 * The fields of a request.
 *
 * @param text the body, for JSON values, which are kept as they are written.
 * @param place names of the members that lead to `fields`.
 * @throws {KeyringError} `request_invalid`
 */
export function fieldsFrom(
  fields: Readonly<Record<string, FieldInput>>,
  text: string,
  place: readonly string[] = ["fields"],
): readonly SecretField[] {
  const members = jsonMemberTexts(text, place);
  checkNames(members, fields);
  return Object.entries(fields).map(([name, input]) => fieldFrom(name, input, members.get(name) ?? ""));
}

/** As {@linkcode fieldsFrom}; `null` removes a field. */
export function fieldChangesFrom(
  fields: Readonly<Record<string, FieldInput | null>>,
  text: string,
): Readonly<Record<string, SecretField | null>> {
  const members = jsonMemberTexts(text, ["fields"]);
  checkNames(members, fields);
  const entries = Object.entries(fields).map(([name, input]) =>
    [name, input === null ? null : fieldFrom(name, input, members.get(name) ?? "")] as const
  );
  return Object.fromEntries(entries);
}

/** A name that JavaScript gives a meaning is dropped by the schema; the request is refused instead. */
function checkNames(members: ReadonlyMap<string, string>, fields: Readonly<Record<string, unknown>>): void {
  if (members.size === Object.keys(fields).length) return;
  throw new KeyringError("request_invalid", 'The body is refused: "__proto__" is no name of a field.');
}

function fieldFrom(name: string, input: FieldInput, text: string): SecretField {
  if (input.kind === "bytes") return { name, kind: "bytes", value: bytesFrom(name, input.value) };
  if (input.kind === "json") return { name, kind: "json", value: utf8(jsonTextFrom(name, text)) };
  return { name, kind: "text", value: textFrom(name, input.value) };
}

function jsonTextFrom(name: string, text: string): string {
  const value = jsonSlice(text, ["value"]);
  if (value !== undefined) return value;
  throw new KeyringError("request_invalid", `The body is refused: the field ${JSON.stringify(name)} has no value.`);
}

function bytesFrom(name: string, text: string): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes !== undefined) return bytes;
  throw new KeyringError(
    "request_invalid",
    `The body is refused: the field ${JSON.stringify(name)} is not the canonical base64 of its bytes.`,
  );
}

/** The UTF-8 of a text. @throws {KeyringError} `request_invalid` for a lone surrogate, which UTF-8 cannot hold. */
export function textFrom(name: string, text: string): Uint8Array {
  if (text.isWellFormed()) return utf8(text);
  throw new KeyringError(
    "request_invalid",
    `The body is refused: the field ${JSON.stringify(name)} is not Unicode text; send it as bytes.`,
  );
}

/** A secret with its values as the JSON text of `secretAnswer`. */
export function secretText({ info, version, fields }: ReadSecret): string {
  const head = {
    path: info.path,
    version: version.version,
    createdAt: shownAt(version.createdAt),
    labels: info.labels,
    ...(info.expiresAt === undefined ? {} : { expiresAt: shownAt(info.expiresAt) }),
  };
  const members = fields.map((field) => `${JSON.stringify(field.name)}:${fieldText(field)}`);
  return `${JSON.stringify(head).slice(0, -1)},"fields":{${members.join(",")}}}`;
}

function fieldText(field: SecretField): string {
  return `{"kind":"${field.kind}","value":${valueText(field)}}`;
}

/** The JSON of a field's value: a string for text, the value itself for json, base64 for bytes. */
export function valueText({ name, kind, value }: SecretField): string {
  if (kind === "bytes") return JSON.stringify(base64(value));
  const text = exactText(value);
  if (text === undefined) {
    throw new KeyringError("integrity", `The stored field ${JSON.stringify(name)} is not UTF-8.`);
  }
  return kind === "json" ? text : JSON.stringify(text);
}

/** A secret without its values as `historyAnswer`. */
export function historyOf(info: SecretInfo) {
  const { path, id, labels, currentVersion, keptVersions, versions } = info;
  return {
    path,
    id,
    labels,
    ...(info.expiresAt === undefined ? {} : { expiresAt: shownAt(info.expiresAt) }),
    currentVersion,
    keptVersions,
    createdAt: shownAt(info.createdAt),
    updatedAt: shownAt(info.updatedAt),
    versions: versions.map(versionOf),
  };
}

function versionOf({ version, state, createdAt, deletedAt, fields, generated, fingerprint }: SecretVersion) {
  return {
    version,
    state,
    createdAt: shownAt(createdAt),
    ...(deletedAt === undefined ? {} : { deletedAt: shownAt(deletedAt) }),
    fields: fields.map(({ name, kind }) => ({ name, kind })),
    generated,
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

/** A stored time in RFC 3339. */
export function shownAt(ms: number): string {
  const text = rfc3339(ms);
  if (text === undefined) throw new KeyringError("integrity", "A stored time is outside the years 0 to 9999.");
  return text;
}
