/**
 * Answers of the routes for secrets, checked member by member. The schemas of `lib/api/keyring` stay on the server: a
 * client that loads zod starts a third slower.
 *
 * @module
 */
import { fromBase64, utf8 } from "../../../base/bytes.ts";
import { type FieldKind, fieldKinds, type SecretField } from "../../../api/keyring/fields.ts";
import type {
  ChangeEvent,
  DiffAnswer,
  GeneratedAnswer,
  HistoryAnswer,
  ImportAnswer,
  ListAnswer,
  SecretAnswer,
  WrittenAnswer,
} from "../../../api/keyring/secret_schemas.ts";
import type { KeyringError } from "../../../api/keyring/problems.ts";
import { keyringErrorOf } from "../connection/problem_document.ts";
import {
  countAt,
  flagAt,
  knownTextAt,
  listOf,
  mapOf,
  objectAt,
  optional,
  textAt,
  wrongForm,
} from "../connection/shape.ts";

/** A secret with its fields as bytes, sorted by name. */
export interface SecretWithValues extends Omit<SecretAnswer, "fields"> {
  readonly fields: readonly SecretField[];
}

/** @throws {KmsError} `provider_protocol`, as all readers of this file. */
export function readSecretOf(value: unknown, place: string): SecretWithValues {
  const one = objectAt(value, place);
  const expiresAt = optional(textAt, one["expiresAt"], "expiresAt");
  const fields = mapOf(objectAt)(one["fields"], "fields");
  return {
    path: textAt(one["path"], "path"),
    version: countAt(one["version"], "version"),
    createdAt: textAt(one["createdAt"], "createdAt"),
    labels: Object.fromEntries(mapOf(textAt)(one["labels"] ?? {}, "labels")),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    fields: [...fields].map(([name, field]) => fieldOf(name, field["kind"], field["value"]))
      .toSorted((a, b) => a.name < b.name ? -1 : 1),
  };
}

function fieldOf(name: string, kind: unknown, value: unknown): SecretField {
  const known = kindAt(kind, `fields.${name}.kind`);
  if (known === "text") return { name, kind: known, value: utf8(textAt(value, `fields.${name}.value`)) };
  if (known === "json") return { name, kind: known, value: utf8(JSON.stringify(value) ?? "null") };
  const bytes = fromBase64(textAt(value, `fields.${name}.value`));
  if (bytes === undefined) throw wrongForm(`fields.${name}.value`, "base64");
  return { name, kind: known, value: bytes };
}

function kindAt(value: unknown, place: string): FieldKind {
  const kind = textAt(value, place);
  if (!Object.hasOwn(fieldKinds, kind)) throw wrongForm(place, "a kind of field that clectl knows");
  return kind as FieldKind;
}

export function writtenOf(value: unknown, place: string): WrittenAnswer {
  const one = objectAt(value, place);
  return { path: textAt(one["path"], "path"), version: countAt(one["version"], "version") };
}

export function generatedOf(value: unknown, place: string): GeneratedAnswer {
  const one = objectAt(value, place);
  const { bits } = one;
  const entropy = typeof bits === "number" ? { bits } : {};
  return { ...writtenOf(value, place), fingerprint: textAt(one["fingerprint"], "fingerprint"), ...entropy };
}

export function historyAnswerOf(value: unknown, place: string): HistoryAnswer {
  const one = objectAt(value, place);
  const expiresAt = optional(textAt, one["expiresAt"], "expiresAt");
  return {
    path: textAt(one["path"], "path"),
    id: textAt(one["id"], "id"),
    labels: Object.fromEntries(mapOf(textAt)(one["labels"] ?? {}, "labels")),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    currentVersion: countAt(one["currentVersion"], "currentVersion"),
    keptVersions: countAt(one["keptVersions"], "keptVersions"),
    createdAt: textAt(one["createdAt"], "createdAt"),
    updatedAt: textAt(one["updatedAt"], "updatedAt"),
    versions: [...listOf(versionOf)(one["versions"], "versions")],
  };
}

const states = ["live", "deleted", "destroying", "destroyed"] as const;

function versionOf(value: unknown, place: string): HistoryAnswer["versions"][number] {
  const one = objectAt(value, place);
  const state = knownTextAt(states, one["state"], `${place}.state`);
  const deletedAt = optional(textAt, one["deletedAt"], `${place}.deletedAt`);
  const fingerprint = optional(textAt, one["fingerprint"], `${place}.fingerprint`);
  const fields = listOf(objectAt)(one["fields"], `${place}.fields`);
  return {
    version: countAt(one["version"], `${place}.version`),
    state,
    createdAt: textAt(one["createdAt"], `${place}.createdAt`),
    ...(deletedAt === undefined ? {} : { deletedAt }),
    fields: fields.map((field) => ({
      name: textAt(field["name"], `${place}.fields.name`),
      kind: kindAt(field["kind"], `${place}.fields.kind`),
    })),
    generated: flagAt(one["generated"], `${place}.generated`),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

export function diffOf(value: unknown, place: string): DiffAnswer {
  const one = objectAt(value, place);
  const names = (list: string) => [...listOf(textAt)(one[list], list)];
  return { added: names("added"), removed: names("removed"), changed: names("changed"), same: names("same") };
}

export function listAnswerOf(value: unknown, place: string): ListAnswer {
  const one = objectAt(value, place);
  const entries = listOf(entryOf)(one["entries"], "entries");
  return { entries: [...entries], more: flagAt(one["more"], "more") };
}

function entryOf(value: unknown, place: string): ListAnswer["entries"][number] {
  const one = objectAt(value, place);
  const version = optional(countAt, one["version"], `${place}.version`);
  const updatedAt = optional(textAt, one["updatedAt"], `${place}.updatedAt`);
  const expiresAt = optional(textAt, one["expiresAt"], `${place}.expiresAt`);
  const labels = optional(mapOf(textAt), one["labels"], `${place}.labels`);
  return {
    path: textAt(one["path"], `${place}.path`),
    ...(version === undefined ? {} : { version }),
    ...(updatedAt === undefined ? {} : { updatedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(labels === undefined ? {} : { labels: Object.fromEntries(labels) }),
  };
}

/** The result of an import: the sentence of a problem stands for its document. */
export interface ImportOutcome {
  readonly written: ImportAnswer["written"];
  readonly items: readonly { readonly path: string; readonly problem?: string }[];
}

export function importResultOf(value: unknown, place: string): ImportOutcome {
  const one = objectAt(value, place);
  const items = listOf((item, at) => {
    const row = objectAt(item, at);
    const problem = optional(objectAt, row["problem"], `${at}.problem`);
    const path = textAt(row["path"], `${at}.path`);
    return problem === undefined ? { path } : { path, problem: textAt(problem["detail"], `${at}.problem.detail`) };
  })(one["items"], "items");
  return { written: countAt(one["written"], "written"), items };
}

const actions = ["create", "update", "patch", "move", "delete", "undelete", "destroy"] as const;

export function changeOf(value: unknown, place: string): ChangeEvent {
  const one = objectAt(value, place);
  const from = optional(textAt, one["from"], "from");
  return {
    ...writtenOf(value, place),
    action: knownTextAt(actions, one["action"], "action"),
    ...(from === undefined ? {} : { from }),
  };
}

/** One of several secrets, or the reason why it cannot be read. */
export interface ReadResult {
  readonly path: string;
  readonly secret?: SecretWithValues;
  readonly problem?: KeyringError;
}

export function readResultsOf(value: unknown, place: string): readonly ReadResult[] {
  return listOf((row, at): ReadResult => {
    const one = objectAt(row, at);
    const path = textAt(one["path"], `${at}.path`);
    const problem = keyringErrorOf(one["problem"]);
    return problem === undefined ? { path, secret: readSecretOf(one["secret"], `${at}.secret`) } : { path, problem };
  })(objectAt(value, place)["secrets"], "secrets");
}
