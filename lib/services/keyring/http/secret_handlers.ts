/**
 * The work of the routes for one secret.
 *
 * @module
 */
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { didYouMean } from "../../../base/nearest.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { jsonAnswer, jsonTextAnswer } from "./exchange.ts";
import { jsonMemberTexts } from "./json_slices.ts";
import type { NativeCall, NativeHandlers } from "./native_handlers.ts";
import type { OperationResult } from "./operation.ts";
import type { ReadSecret, WrittenSecret } from "../secrets/model.ts";
import { fieldChangesFrom, fieldsFrom, historyOf, secretText } from "./secret_json.ts";

/** IDs of the routes for one secret. */
type SecretOperation =
  | "readSecret"
  | "createSecret"
  | "updateSecret"
  | "patchSecret"
  | "deleteSecret"
  | "generateSecret"
  | "undeleteSecret"
  | "destroyVersions"
  | "history"
  | "diff";

/** The handlers by the ID of the route. */
export const secretHandlers: NativeHandlers<SecretOperation> = {
  async readSecret({ parts, path, query, signal }) {
    const options = query.version === undefined ? { signal } : { signal, version: query.version };
    const read = withField(await parts.secrets.read(path, options), query.field);
    const { version } = read.version;
    return {
      answer: jsonTextAnswer(200, secretText(read), { etag: etagOf(version) }),
      audited: [{ path, version, ...(query.field === undefined ? {} : { note: `field ${query.field}` }) }],
    };
  },

  async createSecret({ parts, path, body, text, write }) {
    const content = { fields: fieldsFrom(body.fields, text), ...expiry(body), ...labelsOf(body, text) };
    return writtenAs(201, await parts.secrets.create(path, content, write));
  },

  async updateSecret({ parts, path, body, text, write }) {
    const content = { fields: fieldsFrom(body.fields, text), ...expiry(body) };
    return writtenAs(200, await parts.secrets.update(path, content, write));
  },

  patchSecret,

  async deleteSecret({ parts, path, query, write }) {
    return writtenAs(200, await parts.secrets.delete(path, versionsOf(query), write));
  },

  async generateSecret({ parts, path, body, text, write, signal }) {
    const { fields, bits } = await parts.generators.generate(body.generator, body.field, signal);
    const content = { fields, ...expiry(body), ...labelsOf(body, text) };
    return writtenAs(201, await parts.secrets.generate(path, content, write), { bits });
  },

  async undeleteSecret({ parts, path, body, write }) {
    return writtenAs(200, await parts.secrets.undelete(path, versionsOf(body), write));
  },

  async destroyVersions({ parts, path, body, write }) {
    return writtenAs(200, await parts.secrets.destroy(path, { versions: body.versions }, write));
  },

  async history({ parts, path, signal }) {
    const info = await parts.secrets.info(path, signal);
    return { answer: jsonAnswer(200, historyOf(info), { etag: etagOf(info.currentVersion) }), audited: [{ path }] };
  },

  async diff({ parts, path, query, signal }) {
    const difference = await parts.secrets.diff(path, query.from, query.to, signal);
    return {
      answer: jsonAnswer(200, difference),
      audited: [{ path, note: `versions ${query.from} and ${query.to}` }],
    };
  },
};

async function patchSecret(call: NativeCall<"patchSecret">): Promise<OperationResult> {
  const { parts, path, body, text } = call;
  const changes = {
    ...(body.fields === undefined ? {} : { fields: fieldChangesFrom(body.fields, text) }),
    ...labelsOf(body, text),
    ...(body.expiresAt === undefined ? {} : { expiresAt: body.expiresAt === null ? null : Date.parse(body.expiresAt) }),
    ...(body.keptVersions === undefined ? {} : { keptVersions: body.keptVersions }),
  };
  // A lower number of kept versions destroys versions.
  const write = { ...call.write, onFewerVersions: () => call.authorize("destroy", path) };
  return writtenAs(200, await parts.secrets.patch(path, changes, write));
}

/** The answer to a write. */
export function writtenAs(
  status: number,
  { path, version, fingerprint }: WrittenSecret,
  more: { readonly bits?: number; readonly note?: string } = {},
): OperationResult {
  const { bits, note } = more;
  const shown = {
    path,
    version,
    ...(fingerprint === undefined || bits === undefined ? {} : { fingerprint, bits }),
  };
  return {
    answer: jsonAnswer(status, shown, { etag: etagOf(version) }),
    audited: [{ path, version, ...(note === undefined ? {} : { note }) }],
  };
}

/** The entity tag of a version. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

function withField(read: ReadSecret, name: string | undefined): ReadSecret {
  if (name === undefined) return read;
  const fields = read.fields.filter((field) => field.name === name);
  if (fields.length > 0) return { ...read, fields };
  const near = didYouMean(name, read.fields.map((field) => field.name));
  throw new KeyringError(
    "not_found",
    `${JSON.stringify(read.info.path)} has no field ${JSON.stringify(name)} in version ${read.version.version}.${near}`,
  );
}

function expiry({ expiresAt }: { readonly expiresAt?: string | undefined }): { readonly expiresAt?: number } {
  return expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) };
}

/** The labels of a request. @throws {KeyringError} `request_invalid` for a name that the schema drops. */
export function labelsOf<Value>(
  { labels }: { readonly labels?: Readonly<Record<string, Value>> | undefined },
  text: string,
  place: readonly string[] = ["labels"],
): { readonly labels?: Readonly<Record<string, Value>> } {
  if (labels === undefined) return {};
  if (jsonMemberTexts(text, place).size === Object.keys(labels).length) return { labels };
  throw new KeyringError("request_invalid", 'The body is refused: "__proto__" is no name of a label.');
}

function versionsOf({ versions }: { readonly versions?: readonly number[] | undefined }): {
  readonly versions?: readonly number[];
} {
  return versions === undefined ? {} : { versions };
}

/** The sentence of a path that cannot be moved onto itself. @throws {KeyringError} */
export function requireOtherPath(from: SecretPath, to: SecretPath): void {
  if (from !== to) return;
  throw new KeyringError("request_invalid", `The body is refused: ${JSON.stringify(from)} is moved onto itself.`);
}
