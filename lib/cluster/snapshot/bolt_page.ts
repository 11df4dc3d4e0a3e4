/**
 * The pages of a bbolt file: their headers and elements. All numbers are little-endian.
 *
 * Page: id 8 · flags 2 · count 2 · overflow 4 · elements. A page with `overflow` n covers n + 1 pages of the file.
 * Source: `internal/common/page.go` and `meta.go` of go.etcd.io/bbolt 1.4.
 *
 * @module
 */

/** Sizes in bytes. */
export const boltSizes = { pageHeader: 16, element: 16, meta: 64, bucketHeader: 16 } as const;

/** Values of the flags of a page of a tree. */
const boltFlags = { branch: 0x01, leaf: 0x02 } as const;

/** Value of the flags of a leaf element that is a bucket. */
const bucketFlag = 0x01;

const metaMagic = 0xed0cdaed;
const metaVersion = 2;

/** A page with its overflow. */
export interface BoltPage {
  readonly id: number;
  readonly kind: "branch" | "leaf";
  /** Number of elements. */
  readonly count: number;
  /** Number of pages of the file that it covers. */
  readonly span: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** The root of the file. */
export interface BoltMeta {
  /** In bytes. */
  readonly pageSize: number;
  /** The page of the root bucket. */
  readonly root: number;
  /** Number of pages that were ever in use. */
  readonly pageCount: number;
  /** Number of the transaction that wrote it. */
  readonly transaction: number;
}

/** An element of a leaf: a key with a value, or with a bucket. The arrays are views of the page. */
export interface BoltEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly isBucket: boolean;
}

/** A view of bytes as numbers. */
export function dataView({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Eight bytes as a number; `undefined` above 2^53. */
export function uint64(view: DataView, at: number): number | undefined {
  const high = view.getUint32(at + 4, true);
  return high > 0x1fffff ? undefined : high * 0x1_0000_0000 + view.getUint32(at, true);
}

/** A meta page at the beginning of `bytes`; `undefined` if it is none, or its checksum differs. */
export function readBoltMeta(bytes: Uint8Array): BoltMeta | undefined {
  const { pageHeader, meta } = boltSizes;
  if (bytes.length < pageHeader + meta) return undefined;
  const view = dataView(bytes.subarray(pageHeader, pageHeader + meta));
  if (view.getUint32(0, true) !== metaMagic || view.getUint32(4, true) !== metaVersion) return undefined;
  if (fnv1a(bytes.subarray(pageHeader, pageHeader + meta - 8)) !== view.getBigUint64(meta - 8, true)) return undefined;
  const pageSize = view.getUint32(8, true);
  const [root, pageCount, transaction] = [uint64(view, 16), uint64(view, 40), uint64(view, 48)];
  if (root === undefined || pageCount === undefined || transaction === undefined) return undefined;
  return isPageSize(pageSize) ? { pageSize, root, pageCount, transaction } : undefined;
}

/** Page sizes that systems have: powers of two from 1 to 64 KiB. */
export const boltPageSizes = [4096, 1024, 2048, 8192, 16384, 32768, 65536] as const;

function isPageSize(size: number): boolean {
  return (boltPageSizes as readonly number[]).includes(size);
}

/** FNV-1a with 64 bits, as Go's `hash/fnv`. */
function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}

/** The header of a page. @returns `undefined` if it has another ID or is neither branch nor leaf. */
export function readPageHeader(
  bytes: Uint8Array,
  id: number,
): Pick<BoltPage, "kind" | "count" | "span"> | undefined {
  if (bytes.length < boltSizes.pageHeader) return undefined;
  const view = dataView(bytes);
  const kind = kindOf(view.getUint16(8, true));
  // The page of an inline bucket has no ID.
  if (kind === undefined || uint64(view, 0) !== id) return undefined;
  return { kind, count: view.getUint16(10, true), span: view.getUint32(12, true) + 1 };
}

function kindOf(flags: number): BoltPage["kind"] | undefined {
  if (flags === boltFlags.branch) return "branch";
  return flags === boltFlags.leaf ? "leaf" : undefined;
}

/** The page below element `index` of a branch; `undefined` if the page is damaged. */
export function branchChild({ bytes, view, count }: BoltPage, index: number): number | undefined {
  const at = boltSizes.pageHeader + index * boltSizes.element;
  if (index >= count || at + boltSizes.element > bytes.length) return undefined;
  return uint64(view, at + 8);
}

/** Element `index` of a leaf; `undefined` if the page is damaged. */
export function leafEntry({ bytes, view, count }: BoltPage, index: number): BoltEntry | undefined {
  const at = boltSizes.pageHeader + index * boltSizes.element;
  if (index >= count || at + boltSizes.element > bytes.length) return undefined;
  const keyAt = at + view.getUint32(at + 4, true);
  const valueAt = keyAt + view.getUint32(at + 8, true);
  const end = valueAt + view.getUint32(at + 12, true);
  if (keyAt < at + boltSizes.element || end > bytes.length) return undefined;
  return {
    key: bytes.subarray(keyAt, valueAt),
    value: bytes.subarray(valueAt, end),
    isBucket: (view.getUint32(at, true) & bucketFlag) !== 0,
  };
}
