/**
 * A set of keys as bytes.
 *
 * A `Set` of texts takes twice the memory for the keys of etcd and several times the time. This one is exact: equal hashes
 * are followed by a comparison of the bytes. The hash is HalfSipHash-1-3 with a random key, as SipHash-1-3 is in the hash
 * maps of Rust: keys that someone chose do not collide more often than others. Source: J.-P. Aumasson, D. Bernstein,
 * "SipHash: a fast short-input PRF", and `halfsiphash.c` of its reference code.
 *
 * @module
 */

/** Bytes of a block of keys. */
const blockBytes = 256 << 10;

/** Places at the start: a power of two. */
const firstPlaces = 1 << 10;

/** Keys of any lengths. */
export class KeySet {
  readonly #hashKey = crypto.getRandomValues(new Uint32Array(2));
  /** All keys, one behind the other, each behind its length in four bytes. None crosses the end of a block. */
  readonly #blocks: Uint8Array[] = [];
  /** Length of the part of the last block that is in use. */
  #used = blockBytes;
  #size = 0;
  /** By place: 1 + number of the block * 2^32 + offset in it; 0 for a free place. */
  #where = new Float64Array(firstPlaces);
  #hashes = new Uint32Array(firstPlaces);

  /** Number of keys. */
  get size(): number {
    return this.#size;
  }

  /** Adds a copy of a key. @returns whether it was not there before. */
  add(key: Uint8Array): boolean {
    const hash = halfSipHash(key, this.#hashKey);
    const place = this.#placeOf(key, hash);
    if (this.#where[place] !== 0) return false;
    this.#where[place] = this.#store(key);
    this.#hashes[place] = hash;
    if (++this.#size * 4 > this.#where.length * 3) this.#grow();
    return true;
  }

  /** The place of a key, or the free one for it. */
  #placeOf(key: Uint8Array, hash: number): number {
    const mask = this.#where.length - 1;
    let place = hash & mask;
    for (;; place = (place + 1) & mask) {
      const where = this.#where[place] ?? 0;
      if (where === 0 || (this.#hashes[place] === hash && this.#isAt(where - 1, key))) return place;
    }
  }

  #isAt(where: number, key: Uint8Array): boolean {
    const block = this.#blocks[Math.floor(where / 0x1_0000_0000)] ?? new Uint8Array(0);
    const at = where % 0x1_0000_0000;
    if (word(block, at) >>> 0 !== key.length) return false;
    for (let index = 0; index < key.length; index++) if (block[at + 4 + index] !== key[index]) return false;
    return true;
  }

  /** Copies a key behind the others. @returns 1 + its location. */
  #store(key: Uint8Array): number {
    const length = 4 + key.length;
    if (this.#used + length > (this.#blocks.at(-1)?.length ?? 0)) {
      this.#blocks.push(new Uint8Array(Math.max(blockBytes, length)));
      this.#used = 0;
    }
    const [number, at] = [this.#blocks.length - 1, this.#used];
    const block = this.#blocks[number] ?? new Uint8Array(0);
    for (let index = 0; index < 4; index++) block[at + index] = key.length >>> (8 * index);
    for (let index = 0; index < key.length; index++) block[at + 4 + index] = key[index] ?? 0;
    this.#used += length;
    return 1 + number * 0x1_0000_0000 + at;
  }

  #grow(): void {
    const [where, hashes] = [this.#where, this.#hashes];
    this.#where = new Float64Array(2 * where.length);
    this.#hashes = new Uint32Array(2 * where.length);
    const mask = this.#where.length - 1;
    for (const [at, one] of where.entries()) {
      if (one === 0) continue;
      const hash = hashes[at] ?? 0;
      let place = hash & mask;
      while (this.#where[place] !== 0) place = (place + 1) & mask;
      this.#where[place] = one;
      this.#hashes[place] = hash;
    }
  }
}

/** Four bytes as a number, little-endian; bytes behind the end are zero. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16 | (bytes[at + 3] ?? 0) << 24;
}

function rotated(value: number, by: number): number {
  return value << by | value >>> (32 - by);
}

/** HalfSipHash-1-3 with 32 bits. @param key two words. */
export function halfSipHash(bytes: Uint8Array, key: Uint32Array): number {
  const [k0, k1] = [(key[0] ?? 0) | 0, (key[1] ?? 0) | 0];
  let [v0, v1, v2, v3] = [k0, k1, k0 ^ 0x6c796765, k1 ^ 0x74656462];
  const last = bytes.length >>> 2;
  for (let index = 0; index <= last + 3; index++) {
    const length = index === last ? bytes.length << 24 : 0;
    const message = index <= last ? word(bytes, 4 * index) | length : 0;
    if (index === last + 1) v2 ^= 0xff;
    v3 ^= message;
    v0 = (v0 + v1) | 0;
    v1 = rotated(v1, 5) ^ v0;
    v0 = rotated(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotated(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotated(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotated(v1, 13) ^ v2;
    v2 = rotated(v2, 16);
    v0 ^= message;
  }
  return (v1 ^ v3) >>> 0;
}
