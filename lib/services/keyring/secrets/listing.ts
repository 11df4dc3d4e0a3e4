/**
 * Lists one folder.
 *
 * @module
 */
import { compareTexts } from "../../../base/bytes.ts";
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { OpenedRecord, RecordReader } from "../records/records.ts";
import type { IndexEntry } from "./index_record.ts";
import { infoOf, metadataCodec } from "./metadata_record.ts";
import type { ListedPath } from "./model.ts";
import { misledPath, type SecretTree } from "./tree.ts";

/** A page of a folder. */
export interface FolderPage {
  readonly after?: string;
  readonly limit: number;
  readonly withInfo?: boolean;
}

/** Number of records that one call of the engine reads. */
const infoBatch = 64;

interface NamedEntry {
  readonly path: SecretPath | FolderPath;
  readonly entry: IndexEntry;
}

/** See `Secrets.list`. */
export async function listFolder(
  reader: RecordReader,
  tree: SecretTree,
  folder: FolderPath,
  { after = "", limit, withInfo = false }: FolderPage,
): Promise<{ readonly entries: readonly ListedPath[]; readonly more: boolean }> {
  const id = await tree.folder(reader, folder);
  if (!id) throw new KeyringError("not_found", `The folder "${folder}" does not exist.`);
  const found: NamedEntry[] = [];
  for await (const { value: entry } of tree.entries(reader, id)) {
    const path = pathOf(folder, entry);
    if (path > after) found.push({ path, entry });
  }
  // During `reindex` an entry can be met at its old place and at its new one.
  const unique = [...new Map(found.map((one) => [one.path, one])).values()];
  const sorted = unique.toSorted((one, other) => compareTexts(one.path, other.path));
  const page = sorted.slice(0, limit);
  const entries = withInfo ? await withInfos(reader, page) : page.map(({ path }) => ({ path }));
  return { entries, more: sorted.length > page.length };
}

function pathOf(folder: FolderPath, { kind, name }: IndexEntry): SecretPath | FolderPath {
  return `${folder}${name}${kind === "secret" ? "" : "/"}` as SecretPath | FolderPath;
}

async function withInfos(reader: RecordReader, page: readonly NamedEntry[]): Promise<readonly ListedPath[]> {
  const secrets = page.filter(({ entry }) => entry.kind === "secret");
  const infos = new Map<string, ListedPath>();
  for (let at = 0; at < secrets.length; at += infoBatch) {
    const some = secrets.slice(at, at + infoBatch);
    const records = await reader.getMany(metadataCodec, some.map(({ entry }) => entry.id));
    for (const [index, { path, entry }] of some.entries()) {
      const record: OpenedRecord<Parameters<typeof infoOf>[1]> | undefined = records[index];
      if (!record) throw misledPath(path);
      // A secret that has been moved since the folder was read is no longer here.
      if (record.value.path === path) infos.set(path, { path, info: infoOf(entry.id, record.value) });
    }
  }
  return page.flatMap(({ path, entry }) => entry.kind === "secret" ? infos.get(path) ?? [] : [{ path }]);
}
