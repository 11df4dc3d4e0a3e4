/**
 * The work of Vault's routes for the metadata of secrets. The custom metadata are the labels.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { FolderPath, SecretPath } from "../../../../api/keyring/paths.ts";
import { KeyringError } from "../../../../api/keyring/problems.ts";
import type { MetadataChange } from "../../secrets/model.ts";
import { listedEntries } from "../bulk_handlers.ts";
import type { OperationCall, OperationResult } from "../operation.ts";
import { vaultData } from "./answers.ts";
import { deletion } from "./kv_handlers.ts";
import { bytesMember, kvMetadata } from "./kv_json.ts";
import type { kvListQuery, kvMetadataWrite } from "./vault_schemas.ts";

type Call<Body> = OperationCall<SecretPath, unknown, Body>;

/** `GET M/metadata/P` */
export async function kvReadMetadata(call: Call<unknown>): Promise<OperationResult> {
  const { parts, path, signal, requestId } = call;
  const info = await parts.secrets.info(path, signal);
  return { answer: vaultData(requestId, kvMetadata(info)), audited: [{ path, note: "kv" }] };
}

/** `GET M/metadata/P?list=true` */
export async function kvList(
  call: OperationCall<FolderPath, z.output<typeof kvListQuery>, unknown>,
): Promise<OperationResult> {
  const { path: folder, requestId } = call;
  // The answer has the names of all entries: in pages, the whole folder would be read for each of them.
  const { entries } = await listedEntries(call, folder, { limit: Infinity, withInfo: false });
  const keys = entries.map(({ path }) => path.slice(folder.length));
  if (keys.length === 0) throw new KeyringError("not_found", `The folder ${JSON.stringify(folder)} is empty.`);
  return { answer: vaultData(requestId, { keys }), audited: [{ path: folder, note: "kv" }] };
}

/**
 * `POST M/metadata/P` replaces the custom metadata if the body has some, and makes a secret without versions where there
 * is none. `PATCH` changes the members that it names. A lower number of kept versions destroys versions: it needs the verb
 * `destroy`.
 */
export async function kvWriteMetadata(call: Call<z.output<typeof kvMetadataWrite>>): Promise<OperationResult> {
  const { parts, path, body, signal, request } = call;
  const write = { signal, onFewerVersions: () => call.authorize("destroy", path) };
  const { version } = await parts.secrets.setMetadata(path, changeOf(body, request.method === "PATCH"), write);
  return { answer: { status: 204 }, audited: [{ path, version, note: "kv, metadata" }] };
}

function changeOf(
  { custom_metadata: labels, max_versions: kept }: z.output<typeof kvMetadataWrite>,
  isPatch: boolean,
): MetadataChange {
  if (Object.hasOwn(labels ?? {}, bytesMember)) {
    throw new KeyringError(
      "request_invalid",
      `The body is refused: the server itself writes ${bytesMember}; leave it out of custom_metadata.`,
    );
  }
  return {
    ...(labels ? { labels, replaceLabels: !isPatch } : {}),
    // 0 is the server's own number.
    ...(kept ? { keptVersions: kept } : {}),
    create: !isPatch,
  };
}

/** `DELETE M/metadata/P`: destroys all versions and removes the labels. The path and its history stay. */
export function kvDeleteMetadata({ parts: { secrets }, path, signal }: Call<unknown>): Promise<OperationResult> {
  return deletion(path, async () => {
    const { versions } = await secrets.info(path, signal);
    const left = versions.filter(({ state }) => state === "live" || state === "deleted").map(({ version }) => version);
    if (left.length > 0) await secrets.destroy(path, { versions: left }, { signal });
    return await secrets.setMetadata(path, { replaceLabels: true }, { signal });
  });
}
