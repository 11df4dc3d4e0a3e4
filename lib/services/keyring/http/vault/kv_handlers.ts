/**
 * The work of Vault's routes for KV version 2.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { SecretPath } from "../../../../api/keyring/paths.ts";
import { KeyringError, type ProblemCode } from "../../../../api/keyring/problems.ts";
import type { OperationCall, OperationResult } from "../operation.ts";
import { toKeyringError } from "../problem_answer.ts";
import type { SecretInfo, WrittenSecret } from "../../secrets/model.ts";
import { vaultData, vaultText } from "./answers.ts";
import { kvChanges, kvDataText, kvDeletedText, kvFields, kvVersion } from "./kv_json.ts";
import { expectedVersion, type kvReadQuery, type kvVersions, type kvWrite } from "./vault_schemas.ts";

type Call<Query, Body, Path = SecretPath> = OperationCall<Path, Query, Body>;

type WriteBody = z.output<typeof kvWrite>;
type VersionsBody = z.output<typeof kvVersions>;

/** `GET M/data/P` */
export async function kvRead(call: Call<z.output<typeof kvReadQuery>, undefined>): Promise<OperationResult> {
  const { parts, path, query, signal, requestId } = call;
  const asked = query.version === undefined || query.version === 0 ? {} : { version: query.version };
  try {
    const read = await parts.secrets.read(path, { ...asked, signal });
    const { version } = read.version;
    return { answer: vaultText(requestId, kvDataText(read)), audited: [{ path, version, note: "kv" }] };
  } catch (thrown) {
    const error = toKeyringError(thrown);
    // A version that was never there.
    if (error.code === "version_mismatch") throw new KeyringError("not_found", error.message);
    if (error.code !== "deleted" && error.code !== "destroyed") throw error;
    const info = await parts.secrets.info(path, signal);
    const version = info.versions.find((one) => one.version === (asked.version ?? info.currentVersion));
    if (version === undefined) throw error;
    return {
      answer: vaultText(requestId, kvDeletedText(info, version), 404),
      audited: [{ path, version: version.version, note: `kv, ${error.code}` }],
    };
  }
}

/** `POST M/data/P`: makes the secret, or a new version of it whatever its state. */
export async function kvWriteData(call: Call<unknown, WriteBody>): Promise<OperationResult> {
  const { parts, path, body, text, signal } = call;
  const cas = expectedVersion(body);
  const write = { signal, ...(cas === undefined ? {} : { cas }) };
  const { version, info } = await parts.secrets.put(path, { fields: kvFields(text) }, write);
  return kvWritten(call, version, info);
}

/** `PATCH M/data/P`: a merge patch of the newest version. */
export async function kvPatchData(call: Call<unknown, WriteBody>): Promise<OperationResult> {
  const { parts, path, body, text, signal } = call;
  // The answer shows no value, and so needs the verb `write` alone, as the native PATCH.
  const asked = expectedVersion(body);
  const written = await atVersion(call, asked, async (cas) => {
    const { fields } = await parts.secrets.read(path, { signal });
    return await parts.secrets.patch(path, { fields: kvChanges(text, fields) }, { signal, cas });
  });
  return kvWritten(call, written.version, await parts.secrets.info(path, signal));
}

/** Tries again if another writer comes between the look at the newest version and the write. */
const writeTries = 10;

/** Writes at a version: the one that the client names, or the newest one. */
async function atVersion(
  { parts, path, signal }: Call<unknown, unknown>,
  asked: number | undefined,
  write: (cas: number) => Promise<WrittenSecret>,
): Promise<WrittenSecret> {
  if (asked !== undefined) return await write(asked);
  for (let count = 1;; count++) {
    const { currentVersion: cas } = await parts.secrets.info(path, signal);
    try {
      return await write(cas);
    } catch (thrown) {
      if (toKeyringError(thrown).code !== "version_mismatch" || count === writeTries) throw thrown;
    }
  }
}

function kvWritten(
  { path, requestId }: Call<unknown, unknown>,
  version: number,
  info: SecretInfo,
): OperationResult {
  const found = info.versions.find((one) => one.version === version);
  const data = found === undefined ? { version } : kvVersion(info, found);
  return { answer: vaultData(requestId, data), audited: [{ path, version, note: "kv" }] };
}

/** `DELETE M/data/P`: the newest version. */
export function kvDeleteData({ parts, path, signal }: Call<unknown, unknown>): Promise<OperationResult> {
  return deletion(path, () => parts.secrets.delete(path, {}, { signal }), [...nothingLeft, "destroyed"]);
}

/** `POST M/delete/P` */
export function kvDeleteVersions({ parts, path, body, signal }: Call<unknown, VersionsBody>): Promise<OperationResult> {
  return deletion(path, () => parts.secrets.delete(path, body, { signal }));
}

/** `POST M/undelete/P` */
export function kvUndelete({ parts, path, body, signal }: Call<unknown, VersionsBody>): Promise<OperationResult> {
  return deletion(path, () => parts.secrets.undelete(path, body, { signal }));
}

/** `POST M/destroy/P` */
export function kvDestroy({ parts, path, body, signal }: Call<unknown, VersionsBody>): Promise<OperationResult> {
  return deletion(path, () => parts.secrets.destroy(path, body, { signal }));
}

const nothingLeft: readonly ProblemCode[] = ["not_found", "deleted"];

/** As Vault's, these answers are 204 also if nothing was left to be done. */
export async function deletion(
  path: SecretPath,
  work: () => Promise<WrittenSecret>,
  done: readonly ProblemCode[] = nothingLeft,
): Promise<OperationResult> {
  try {
    const { version } = await work();
    return { answer: { status: 204 }, audited: [{ path, version, note: "kv" }] };
  } catch (thrown) {
    const { code } = toKeyringError(thrown);
    if (!done.includes(code)) throw thrown;
    return { answer: { status: 204 }, audited: [{ path, note: `kv, ${code}` }] };
  }
}
