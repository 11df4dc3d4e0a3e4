/**
 * Reads of a store in etcd that may be larger than one answer.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import type { EtcdClient } from "../../../net/etcd/etcd_client.ts";
import type { EtcdRow } from "../../../net/etcd/etcd_fields.ts";
import { readEtcd, transactEtcd } from "../../../net/etcd/etcd_kv.ts";
import type { KeyRange } from "./etcd_keys.ts";

/** Rows in the first page of a range, at most in one page, and names in one transaction. */
const rows = { first: 8, most: 1_000, names: 32 } as const;

/** Bytes that a page aims at, and maximum size of an answer. */
const bytes = { page: 2 << 20, answer: 64 << 20 } as const;

/** The way to etcd and the purpose. */
export interface EtcdReading {
  readonly client: EtcdClient;
  readonly signal: AbortSignal;
  readonly action: string;
  /** Called with the revision of the cluster of each answer. */
  readonly note: (revision: number) => void;
}

/** Rows by their keys, at one revision; `undefined` for one that is absent. */
export async function readKeys(
  { client, signal, action, note }: EtcdReading,
  keys: readonly Uint8Array[],
): Promise<readonly (EtcdRow | undefined)[]> {
  const found: (EtcdRow | undefined)[] = [];
  let revision: number | undefined;
  const call = { signal, action, repeatable: true, maxBytes: bytes.answer };
  while (found.length < keys.length) {
    const part = keys.slice(found.length, found.length + rows.names);
    const success = part.map((key) => ({ range: { key, ...(revision === undefined ? {} : { revision }) } }));
    const answer = await transactEtcd(client, { compare: [], success, failure: [] }, call);
    revision ??= answer.revision;
    note(answer.revision);
    found.push(...answer.ranges.map(([row]) => row));
  }
  return found;
}

/** The rows of a range at one revision, in pages. The sizes of the rows decide how many are in a page. */
export async function* readPages(
  { client, signal, action, note }: EtcdReading,
  { key, end }: KeyRange,
  limit: number,
): AsyncGenerator<readonly EtcdRow[]> {
  const call = { signal, action, repeatable: true, maxBytes: bytes.answer };
  let [from, left, size] = [key, limit, rows.first as number];
  let revision: number | undefined;
  while (left > 0) {
    const range = { key: from, end, limit: Math.min(size, left), ...(revision === undefined ? {} : { revision }) };
    try {
      const page = await readEtcd(client, range, call);
      revision ??= page.revision;
      note(page.revision);
      if (page.rows.length > 0) yield page.rows;
      const last = page.rows.at(-1);
      if (!page.more || last === undefined) return;
      from = new Uint8Array([...last.key, 0]);
      left -= page.rows.length;
      size = nextSize(size, page.rows);
    } catch (thrown) {
      if (size === 1 || signal.aborted || !isTooMuch(thrown)) throw thrown;
      size = Math.ceil(size / 8);
    }
  }
}

function nextSize(size: number, page: readonly EtcdRow[]): number {
  const total = page.reduce((sum, row) => sum + row.value.length, 0);
  const fitting = Math.floor((bytes.page * page.length) / Math.max(1, total));
  return Math.max(1, Math.min(fitting, 4 * size, rows.most));
}

/** Whether fewer rows may be answered. */
function isTooMuch(thrown: unknown): boolean {
  return thrown instanceof KmsError && (thrown.code === "provider_protocol" || thrown.code === "deadline_exceeded");
}
