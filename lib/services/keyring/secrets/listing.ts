/**
 * Lists one folder.
 *
 * @module
 */
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { OpenedRecord, RecordReader } from "../records/records.ts";
import type { FolderEntry, FolderLists } from "./folder_lists.ts";
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

/** The parts that {@linkcode listFolder} needs. */
export interface ListingParts {
  readonly reader: RecordReader;
  readonly tree: SecretTree;
  readonly lists: FolderLists;
}

/** See `Secrets.list`. */
export async function listFolder(
  { reader, tree, lists }: ListingParts,
  folder: FolderPath,
  { after = "", limit, withInfo = false }: FolderPage,
): Promise<{ readonly entries: readonly ListedPath[]; readonly more: boolean }> {
  const id = await tree.folder(reader, folder);
  if (!id) throw new KeyringError("not_found", `The folder "${folder}" does not exist.`);
  const all = await lists.of(reader, id, () => tree.entries(reader, id));
  const from = after === "" ? 0 : firstBehind(all, folder, after);
  const page = all.slice(from, from + limit);
  const entries = withInfo
    ? await withInfos(reader, folder, page)
    : page.map(({ label }) => ({ path: pathOf(folder, label) }));
  return { entries, more: all.length > from + page.length };
}

function pathOf(folder: FolderPath, label: string): SecretPath | FolderPath {
  return `${folder}${label}` as SecretPath | FolderPath;
}

/** The place of the first entry whose path is greater. */
function firstBehind(entries: readonly FolderEntry[], folder: FolderPath, after: string): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (pathOf(folder, entries[middle]?.label ?? "") > after) to = middle;
    else from = middle + 1;
  }
  return from;
}

async function withInfos(
  reader: RecordReader,
  folder: FolderPath,
  page: readonly FolderEntry[],
): Promise<readonly ListedPath[]> {
  const secrets = page.filter(({ entry }) => entry.kind === "secret");
  const infos = new Map<string, ListedPath>();
  for (let at = 0; at < secrets.length; at += infoBatch) {
    const some = secrets.slice(at, at + infoBatch);
    const records = await reader.getMany(metadataCodec, some.map(({ entry }) => entry.id));
    for (const [index, { label, entry }] of some.entries()) {
      const record: OpenedRecord<Parameters<typeof infoOf>[1]> | undefined = records[index];
      const path = pathOf(folder, label);
      if (!record) throw misledPath(path);
      // A secret that has been moved since the folder was read is no longer here.
      if (record.value.path === path) infos.set(label, { path, info: infoOf(entry.id, record.value) });
    }
  }
  return page.flatMap(({ label, entry }) =>
    entry.kind === "secret" ? infos.get(label) ?? [] : [{ path: pathOf(folder, label) }]
  );
}
