/**
 * Secrets in the form of Vault's KV version 2. A JSON string is a field of text, any other value one of JSON, kept as it
 * is written. A field of bytes is shown as base64, and the custom metadata names it.
 *
 * @module
 */
import { fieldNamePattern, type SecretField } from "../../../../api/keyring/fields.ts";
import { KeyringError } from "../../../../api/keyring/problems.ts";
import { exactText, utf8 } from "../../../../base/bytes.ts";
import type { ReadSecret, SecretInfo, SecretVersion } from "../../secrets/model.ts";
import { jsonMemberTexts } from "../json_slices.ts";
import { shownAt, textFrom, valueText } from "../secret_json.ts";

/** Member of the custom metadata that names the fields of bytes, with commas between them. */
export const bytesMember = "trousseau-bytes";

/** The fields of `data` in a body. @throws {KeyringError} `request_invalid` */
export function kvFields(text: string): readonly SecretField[] {
  return [...jsonMemberTexts(text, ["data"])].map(([name, value]) => kvField(name, value));
}

/** A field by the text of its JSON value. @throws {KeyringError} `request_invalid` */
function kvField(name: string, text: string): SecretField {
  checkName(name);
  if (!text.startsWith('"')) return { name, kind: "json", value: utf8(text) };
  return { name, kind: "text", value: textFrom(name, String(JSON.parse(text))) };
}

function checkName(name: string): void {
  if (fieldNamePattern.test(name)) return;
  throw new KeyringError(
    "request_invalid",
    "The body is refused: a name in data must be 1 to 128 letters, digits, _, - and ., and begin with a letter, a digit or _.",
  );
}

/**
 * The changes of a merge patch (RFC 7396) of `data`; `null` removes a field.
 *
 * @param current the fields before, for members that are objects.
 * @throws {KeyringError} `request_invalid`
 */
export function kvChanges(text: string, current: readonly SecretField[]): Readonly<Record<string, SecretField | null>> {
  const changes = [...jsonMemberTexts(text, ["data"])].map(([name, patch]) => {
    checkName(name);
    if (patch === "null") return [name, null] as const;
    const before = current.find((field) => field.name === name && field.kind === "json");
    const merged = mergePatch(before === undefined ? undefined : exactText(before.value), patch);
    return [name, kvField(name, merged)] as const;
  });
  return Object.fromEntries(changes);
}

/** Maximum depth of the objects in a merge patch: each level reads the text of the levels below it once more. */
const maxPatchDepth = 32;

/** A merge patch on texts, so that numbers stay as they are written. Both parse as JSON. */
function mergePatch(target: string | undefined, patch: string, depth = 1): string {
  if (!patch.startsWith("{")) return patch;
  if (depth > maxPatchDepth) {
    throw new KeyringError(
      "request_invalid",
      `The body is refused: its objects are nested deeper than ${maxPatchDepth} levels; write the field as a whole.`,
    );
  }
  const members = new Map(target?.startsWith("{") === true ? jsonMemberTexts(target, []) : []);
  for (const [name, value] of jsonMemberTexts(patch, [])) {
    if (value === "null") members.delete(name);
    else members.set(name, mergePatch(members.get(name), value, depth + 1));
  }
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

/** The members of `data` in the answer to a read. */
export function kvDataText({ info, version, fields }: ReadSecret): string {
  const members = fields.map((field) => `${JSON.stringify(field.name)}:${valueText(field)}`);
  return `{"data":{${members.join(",")}},"metadata":${JSON.stringify(kvVersion(info, version))}}`;
}

/** The answer to a read of a version without a value. */
export function kvDeletedText(info: SecretInfo, version: SecretVersion): string {
  return `{"data":null,"metadata":${JSON.stringify(kvVersion(info, version))}}`;
}

/** The metadata of one version. */
export function kvVersion(info: SecretInfo, version: SecretVersion) {
  return {
    created_time: shownAt(version.createdAt),
    custom_metadata: customMetadata(info, version),
    ...stateOf(version),
    version: version.version,
  };
}

function stateOf({ state, deletedAt }: SecretVersion) {
  return {
    deletion_time: state === "deleted" && deletedAt !== undefined ? shownAt(deletedAt) : "",
    destroyed: state === "destroyed" || state === "destroying",
  };
}

/** The labels, and the names of the fields of bytes; `null` if there are none. */
function customMetadata({ labels }: SecretInfo, version: SecretVersion | undefined): Record<string, string> | null {
  const bytes = version?.fields.filter(({ kind }) => kind === "bytes").map(({ name }) => name) ?? [];
  const all = { ...labels, ...(bytes.length === 0 ? {} : { [bytesMember]: bytes.join(",") }) };
  return Object.keys(all).length === 0 ? null : all;
}

/** The metadata of a secret. */
export function kvMetadata(info: SecretInfo) {
  const { versions, currentVersion, keptVersions, createdAt, updatedAt } = info;
  const current = versions.find(({ version }) => version === currentVersion);
  return {
    cas_required: false,
    created_time: shownAt(createdAt),
    current_version: currentVersion,
    custom_metadata: customMetadata(info, current),
    delete_version_after: "0s",
    max_versions: keptVersions,
    oldest_version: versions[0]?.version ?? 0,
    updated_time: shownAt(updatedAt),
    versions: Object.fromEntries(
      versions.map((one) => [one.version, { created_time: shownAt(one.createdAt), ...stateOf(one) }]),
    ),
  };
}
