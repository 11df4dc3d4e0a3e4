/**
 * The metadata record: path, labels, expiry and versions of one secret. Row key: its ID.
 *
 * @module
 */
import { hex } from "../../../base/bytes.ts";
import { type FieldKind, fieldKinds } from "../../../api/keyring/fields.ts";
import { type SecretPath, secretPath } from "../../../api/keyring/paths.ts";
import { isCount, isMembers, jsonBytes, jsonMembers } from "../records/json_record.ts";
import type { RecordCodec } from "../records/records.ts";
import {
  type ChangeAction,
  changeActions,
  type SecretInfo,
  type SecretVersion,
  type VersionState,
  versionStates,
} from "./model.ts";

/** A version as it is stored. */
export interface StoredVersion extends SecretVersion {
  /** SHA-256 of the value record's content in hexadecimal; empty once it is destroyed. */
  readonly hash: string;
}

/** The content of the record. */
export interface StoredSecret extends Omit<SecretInfo, "id" | "versions"> {
  readonly versions: readonly StoredVersion[];
  readonly lastAction: ChangeAction;
  /** The path before the last move. */
  readonly movedFrom?: SecretPath;
}

/** The part of a stored secret that a caller may see. @param id 16 bytes. */
export function infoOf(id: Uint8Array, stored: StoredSecret): SecretInfo {
  const { lastAction: _action, movedFrom: _from, versions, ...rest } = stored;
  return { ...rest, id: hex(id), versions: versions.map(shownVersion) };
}

/** A stored version without its hash. */
export function shownVersion({ hash: _hash, ...version }: StoredVersion): SecretVersion {
  return version;
}

/**
 * The record, in JSON: the lists of fields, of which many versions have the same one, and a list for each version: number,
 * state, creation, deletion or null, place of its fields, 1 if generated, fingerprint or null, hash.
 */
export const metadataCodec: RecordCodec<StoredSecret> = {
  table: "metadata",
  cached: true,
  encode: ({ versions, ...rest }) => {
    const sets = [...new Set(versions.map(({ fields }) => setText(fields)))];
    const rows = versions.map((version) => versionRow(version, sets.indexOf(setText(version.fields))));
    return jsonBytes({ ...rest, sets: sets.map((set) => JSON.parse(set)), versions: rows });
  },
  decode: (bytes) => {
    const { sets, versions, ...rest } = jsonMembers(bytes) ?? {};
    const fields = Array.isArray(sets) ? sets.map(fieldsOf) : [];
    const decoded = Array.isArray(versions) ? versions.map((version) => versionFrom(version, fields)) : [];
    if (!isStored(rest) || (decoded.length === 0) !== (rest.currentVersion === 0)) return undefined;
    return decoded.every((version) => version !== undefined) ? { ...rest, versions: decoded } : undefined;
  },
};

type Fields = StoredVersion["fields"];

function setText(fields: Fields): string {
  return JSON.stringify(fields.map(({ name, kind }) => [name, kind]));
}

function fieldsOf(set: unknown): Fields | undefined {
  if (!Array.isArray(set)) return undefined;
  const fields = set.map((pair) => Array.isArray(pair) ? { name: pair[0], kind: pair[1] } : {});
  return fields.every(isField) ? fields : undefined;
}

function isField(field: object): field is Fields[number] {
  const { name, kind } = field as { name?: unknown; kind?: unknown };
  return typeof name === "string" && typeof kind === "string" && isFieldKind(kind);
}

/** Whether a text names a kind of field. */
export function isFieldKind(text: string): text is FieldKind {
  return Object.hasOwn(fieldKinds, text);
}

function versionRow(version: StoredVersion, set: number): readonly unknown[] {
  const { state, createdAt, deletedAt = null, generated, fingerprint = null, hash } = version;
  return [version.version, state, createdAt, deletedAt, set, generated ? 1 : 0, fingerprint, hash];
}

function versionFrom(row: unknown, sets: readonly (Fields | undefined)[]): StoredVersion | undefined {
  if (!Array.isArray(row) || row.length !== 8) return undefined;
  const [version, state, createdAt, deletedAt, set, generated, fingerprint, hash]: unknown[] = row;
  const fields = isCount(set) ? sets[set] : undefined;
  if (!fields || !isCount(version) || !isState(state) || !isCount(createdAt) || typeof hash !== "string") {
    return undefined;
  }
  return {
    version,
    state,
    createdAt,
    ...(isCount(deletedAt) && { deletedAt }),
    fields,
    generated: generated === 1,
    ...(typeof fingerprint === "string" && { fingerprint }),
    hash,
  };
}

function isState(value: unknown): value is VersionState {
  return typeof value === "string" && Object.hasOwn(versionStates, value);
}

function isStored(value: Readonly<Record<string, unknown>>): value is Omit<StoredSecret, "versions"> & typeof value {
  const { path, labels, expiresAt, currentVersion, keptVersions, createdAt, updatedAt, lastAction, movedFrom } = value;
  return isPath(path) && isMembers(labels) && Object.values(labels).every((label) => typeof label === "string") &&
    [currentVersion, keptVersions, createdAt, updatedAt].every(isCount) &&
    (expiresAt === undefined || isCount(expiresAt)) && (movedFrom === undefined || isPath(movedFrom)) &&
    typeof lastAction === "string" && Object.hasOwn(changeActions, lastAction);
}

function isPath(value: unknown): value is SecretPath {
  try {
    return typeof value === "string" && secretPath(value) === value;
  } catch {
    return false;
  }
}
