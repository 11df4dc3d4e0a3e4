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

// A DataView takes several times as long to make as the numbers of a page to read.

/** Two bytes as a number. */
function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8;
}

/** Four bytes as a number. */
function uint32(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) | uint16(bytes, at + 2) << 16) >>> 0;
}

/** Eight bytes as a number; `undefined` from 2^53 on. */
export function uint64(bytes: Uint8Array, at: number): number | undefined {
  const high = uint32(bytes, at + 4);
  return high > 0x1fffff ? undefined : high * 0x1_0000_0000 + uint32(bytes, at);
}

/** A meta page at the beginning of `bytes`; `undefined` if it is none, or its checksum differs. */
export function readBoltMeta(bytes: Uint8Array): BoltMeta | undefined {
  const { pageHeader, meta } = boltSizes;
  if (bytes.length < pageHeader + meta) return undefined;
  const fields = bytes.subarray(pageHeader, pageHeader + meta);
  if (uint32(fields, 0) !== metaMagic || uint32(fields, 4) !== metaVersion) return undefined;
  const checksum = new DataView(fields.buffer, fields.byteOffset, meta).getBigUint64(meta - 8, true);
  if (fnv1a(fields.subarray(0, meta - 8)) !== checksum) return undefined;
  const pageSize = uint32(fields, 8);
  const [root, pageCount, transaction] = [uint64(fields, 16), uint64(fields, 40), uint64(fields, 48)];
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
  const kind = kindOf(uint16(bytes, 8));
  // The page of an inline bucket has no ID.
  if (kind === undefined || uint64(bytes, 0) !== id) return undefined;
  return { kind, count: uint16(bytes, 10), span: uint32(bytes, 12) + 1 };
}

function kindOf(flags: number): BoltPage["kind"] | undefined {
  if (flags === boltFlags.branch) return "branch";
  return flags === boltFlags.leaf ? "leaf" : undefined;
}

/** The page below element `index` of a branch; `undefined` if the page is damaged. */
export function branchChild({ bytes, count }: BoltPage, index: number): number | undefined {
  const at = boltSizes.pageHeader + index * boltSizes.element;
  if (index >= count || at + boltSizes.element > bytes.length) return undefined;
  return uint64(bytes, at + 8);
}

/** Element `index` of a leaf; `undefined` if the page is damaged. */
export function leafEntry({ bytes, count }: BoltPage, index: number): BoltEntry | undefined {
  const at = boltSizes.pageHeader + index * boltSizes.element;
  if (index >= count || at + boltSizes.element > bytes.length) return undefined;
  const keyAt = at + uint32(bytes, at + 4);
  const valueAt = keyAt + uint32(bytes, at + 8);
  const end = valueAt + uint32(bytes, at + 12);
  if (keyAt < at + boltSizes.element || end > bytes.length) return undefined;
  return {
    key: bytes.subarray(keyAt, valueAt),
    value: bytes.subarray(valueAt, end),
    isBucket: (uint32(bytes, at) & bucketFlag) !== 0,
  };
}
