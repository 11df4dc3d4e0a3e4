/**
 * Reads the buckets of a bbolt file, the database of an etcd member.
 *
 * bbolt has checksums on its two meta pages only. Everything else is validated as far as its structure goes: page IDs,
 * kinds, ranges, the order of keys, and that no page is reached twice. So a damaged file ends in an error and in no loop.
 *
 * @module
 */
import { latin1 } from "../../base/bytes.ts";
import {
  type BoltEntry,
  type BoltMeta,
  type BoltPage,
  boltPageSizes,
  boltSizes,
  branchChild,
  leafEntry,
  readBoltMeta,
  readPageHeader,
  uint64,
} from "./bolt_page.ts";
import { type BoltOrder, KeyOrder } from "./key_order.ts";
import type { LentRange, PageSource } from "./page_source.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** Maximum depth of a tree. bbolt has at least two children a branch page, and 2^48 keys do not fit a disk. */
const maxDepth = 48;

/** Maximum size of a page with its overflow in bytes. etcd takes requests of 1.5 MiB, if not configured otherwise. */
const maxPageBytes = 64 << 20;

/** Number of the first page that is not a meta page. */
const firstPage = 2;

/** A tree of pages, or a page inside its parent's value. */
export type BoltBucket = { readonly root: number } | { readonly inline: BoltPage };

/** An open file with a valid meta page. */
export class BoltFile {
  readonly #source: PageSource;
  readonly meta: BoltMeta;
  /** One bit a page: set when a tree has reached it. */
  readonly #reached: Uint8Array;

  private constructor(source: PageSource, meta: BoltMeta) {
    this.#source = source;
    this.meta = meta;
    this.#reached = new Uint8Array(Math.ceil(meta.pageCount / 8));
  }

  /**
   * Reads the meta pages; the valid one of the newest transaction counts.
   *
   * @param size number of bytes of the database in the file.
   * @throws {SnapshotError} if neither is valid, or the database needs more bytes.
   */
  static open(source: PageSource, size: number): BoltFile {
    const metas = metaOffsets(size).flatMap((at) => {
      using range = source.lend(at, Math.min(size - at, 256));
      const meta = readBoltMeta(range.bytes);
      return meta !== undefined && (at === 0 || at === meta.pageSize) ? [meta] : [];
    });
    const newest = metas.toSorted((a, b) => b.transaction - a.transaction)[0];
    if (newest === undefined) {
      throw new SnapshotError(
        `${source.path} is no database of etcd: neither of its two meta pages is valid. Name the file of ` +
          "etcdctl snapshot save, or a copy of member/snap/db.",
      );
    }
    if (newest.pageCount * newest.pageSize > size) {
      throw new SnapshotError(
        `${source.path} is cut off: it has ${size} bytes of ${newest.pageCount * newest.pageSize}; take another copy.`,
      );
    }
    return new BoltFile(source, newest);
  }

  /** A bucket of the root bucket. @throws {SnapshotError} if there is none of this name. */
  bucket(name: string): BoltBucket {
    for (const { key, value, isBucket } of this.#rootEntries()) {
      if (isBucket && latin1(key) === name) {
        return this.#bucketIn(value);
      }
    }
    throw new SnapshotError(`${this.#source.path} is a bbolt file without the bucket "${name}", so not etcd's.`);
  }

  /** The buckets of the root bucket. */
  *buckets(): Generator<BoltBucket> {
    for (const { value, isBucket } of this.#rootEntries()) if (isBucket) yield this.#bucketIn(value);
  }

  #rootEntries(): Generator<BoltEntry> {
    this.#reached.fill(0);
    return this.entries({ root: this.meta.root }, "ascending");
  }

  /**
   * The elements of a bucket in the order of their keys. Their arrays are valid until the next element is asked for.
   *
   * @throws {SnapshotError} at the first damage.
   */
  *entries(bucket: BoltBucket, order: BoltOrder): Generator<BoltEntry> {
    const keys = new KeyOrder(order);
    for (const page of this.#leaves(bucket, order)) {
      for (let at = 0; at < page.count; at++) {
        const entry = leafEntry(page, order === "ascending" ? at : page.count - 1 - at);
        if (entry === undefined) throw this.#damaged(page.id, "an element lies outside of it");
        if (!keys.follows(entry.key)) throw this.#damaged(page.id, "its keys are not in order");
        yield entry;
      }
    }
  }

  *#leaves(bucket: BoltBucket, order: BoltOrder): Generator<BoltPage> {
    if ("inline" in bucket) {
      yield bucket.inline;
      return;
    }
    const path: { readonly page: BoltPage; next: number }[] = [];
    let id: number | undefined = bucket.root;
    while (id !== undefined) {
      const { page, range } = this.#page(id);
      using _range = range;
      if (page.kind === "leaf") yield page;
      // A branch is read while the pages below it are: it gets memory of its own.
      else path.push({ page: { ...page, bytes: page.bytes.slice() }, next: 0 });
      if (path.length > maxDepth) throw this.#damaged(id, "the tree above it is too deep");
      id = this.#nextChild(path, order);
    }
  }

  #nextChild(path: { readonly page: BoltPage; next: number }[], order: BoltOrder): number | undefined {
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { page, next } = top;
      if (next < page.count) {
        top.next++;
        const child = branchChild(page, order === "ascending" ? next : page.count - 1 - next);
        if (child === undefined) throw this.#damaged(page.id, "an element lies outside of it");
        return child;
      }
      path.pop();
    }
    return undefined;
  }

  /** A page with its overflow. It is valid until its range is given back. */
  #page(id: number): { readonly page: BoltPage; readonly range: LentRange } {
    const { pageSize, pageCount } = this.meta;
    if (id < firstPage || id >= pageCount) throw this.#damaged(id, `the file has ${pageCount} pages`);
    const first = this.#source.lend(id * pageSize, pageSize);
    const header = readPageHeader(first.bytes, id);
    if (header === undefined) throw this.#damaged(id, "its header is not that of a page of a tree");
    const { kind, count, span } = header;
    if (id + span > pageCount || span * pageSize > maxPageBytes) throw this.#damaged(id, "it reaches beyond the end");
    this.#markReached(id, span);
    if (span === 1) return { page: { id, kind, count, span, bytes: first.bytes }, range: first };
    first[Symbol.dispose]();
    const range = this.#source.lend(id * pageSize, pageSize * span);
    return { page: { id, kind, count, span, bytes: range.bytes }, range };
  }

  #markReached(id: number, span: number): void {
    for (let at = id; at < id + span; at++) {
      if (this.isReached(at)) throw this.#damaged(at, "two places of a tree lead to it");
      this.#reached[at >> 3] = (this.#reached[at >> 3] ?? 0) | (1 << (at & 7));
    }
  }

  /** Whether a tree that was read since the last {@linkcode bucket} or {@linkcode buckets} has this page. */
  isReached(page: number): boolean {
    return ((this.#reached[page >> 3] ?? 0) & (1 << (page & 7))) !== 0;
  }

  /** Value of a bucket: page of its root 8 · sequence 8 · if the page is 0, the page itself. */
  #bucketIn(value: Uint8Array): BoltBucket {
    const root = value.length < boltSizes.bucketHeader ? undefined : uint64(value, 0);
    if (root === undefined) {
      throw new SnapshotError(`${this.#source.path} is damaged: a bucket has no root; take another copy.`);
    }
    if (root !== 0) return { root };
    const bytes = value.slice(boltSizes.bucketHeader);
    const header = readPageHeader(bytes, 0);
    if (header?.kind !== "leaf" || header.span !== 1) throw this.#damaged(0, "a bucket inside a page is none");
    return { inline: { id: 0, ...header, bytes } };
  }

  #damaged(page: number, why: string): SnapshotError {
    return new SnapshotError(`${this.#source.path} is damaged at page ${page}: ${why}; take another copy.`);
  }
}

/** Where the meta pages may be: the second one stands at the size of a page, which only the pages know. */
function metaOffsets(size: number): number[] {
  return [0, ...boltPageSizes].filter((at) => at + boltSizes.pageHeader + boltSizes.meta <= size);
}
