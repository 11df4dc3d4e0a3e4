/**
 * Writes small bbolt files for tests: two meta pages, and buckets as trees of one or two levels.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { concat } from "../../lib/base/bytes.ts";

/** Bytes of a page. */
const pageSize = 1024;

/** A key and its value; in order of their keys. */
export type BoltPair = readonly [key: Uint8Array, value: Uint8Array];

/** A file with one bucket. @param perLeaf number of elements of a leaf. */
export function boltFile(name: string, pairs: readonly BoltPair[], perLeaf = 4): Uint8Array {
  const file = new BoltPages();
  const root = file.tree(pairs, perLeaf);
  const value = concat(uint64(root), uint64(0));
  return file.finished(file.leaf([[Buffer.from(name), value]], 1));
}

class BoltPages {
  readonly #pages: Uint8Array[] = [];

  /** Number of the next page: those of the metas come first. */
  get #next(): number {
    return 2 + this.#pages.length;
  }

  tree(pairs: readonly BoltPair[], perLeaf: number): number {
    if (pairs.length <= perLeaf) return this.leaf(pairs, 0);
    const children: [key: Uint8Array, page: number][] = [];
    for (let at = 0; at < pairs.length; at += perLeaf) {
      const part = pairs.slice(at, at + perLeaf);
      children.push([part[0]?.[0] ?? new Uint8Array(0), this.leaf(part, 0)]);
    }
    const heads = children.map(([key, page], index) => {
      const ahead = children.slice(0, index).reduce((sum, [{ length }]) => sum + length, 0);
      return concat(uint32(16 * (children.length - index) + ahead), uint32(key.length), uint64(page));
    });
    return this.#add(0x01, children.length, concat(...heads, ...children.map(([key]) => key)));
  }

  leaf(pairs: readonly BoltPair[], flags: number): number {
    const heads = pairs.map(([key, value], index) => {
      const ahead = pairs.slice(0, index).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      const at = 16 * (pairs.length - index) + ahead;
      return concat(uint32(flags), uint32(at), uint32(key.length), uint32(value.length));
    });
    return this.#add(0x02, pairs.length, concat(...heads, ...pairs.flat()));
  }

  #add(flags: number, count: number, content: Uint8Array): number {
    const id = this.#next;
    const span = Math.ceil((16 + content.length) / pageSize);
    const page = new Uint8Array(span * pageSize);
    page.set(concat(uint64(id), uint16(flags), uint16(count), uint32(span - 1), content));
    for (let at = 0; at < span; at++) this.#pages.push(page.subarray(at * pageSize, (at + 1) * pageSize));
    return id;
  }

  finished(root: number): Uint8Array {
    const metas = [0, 1].map((id) => {
      const fields = concat(
        uint32(0xed0cdaed),
        uint32(2),
        uint32(pageSize),
        uint32(0),
        uint64(root),
        uint64(0),
        uint64(0),
        uint64(this.#next),
        uint64(id + 1),
      );
      const page = new Uint8Array(pageSize);
      page.set(concat(uint64(id), uint16(0x04), uint16(0), uint32(0), fields, checksum(fields)));
      return page;
    });
    return concat(...metas, ...this.#pages);
  }
}

/** FNV-1a of 64 bits. */
function checksum(bytes: Uint8Array): Uint8Array {
  let hash = 14695981039346656037n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n);
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(hash);
  return out;
}

function uint16(value: number): Uint8Array {
  const out = Buffer.alloc(2);
  out.writeUInt16LE(value);
  return out;
}

function uint32(value: number): Uint8Array {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function uint64(value: number): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}
