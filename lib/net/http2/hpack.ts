/**
 * Header compression (HPACK, RFC 7541): everything that a client may send is read; what is sent is written without
 * state, so that a block can be made once and used for every answer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ConnectionError } from "./errors.ts";
import { type Field, fieldOf } from "./fields.ts";
import { huffmanText } from "./huffman.ts";
import { staticTable } from "./static_table.ts";

/** What a field costs of a table, in bytes (RFC 7541, section 4.1). */
function sizeOf({ name, value }: Field): number {
  return name.length + value.length + 32;
}

const staticFields: readonly Field[] = staticTable.map(([name, value]) => fieldOf(name, value));

/** Bytes that a client may have remembered: what HTTP/2 gives where nothing is announced. */
const tableSize = 4096;

/**
 * The most that one block may hold once it is unpacked, by {@linkcode sizeOf}; announced to clients. kube-apiserver's have
 * less than 1 KiB.
 */
export const maxHeaderList = 16_384;

/** Reads the blocks of one connection, in the order in which they came: what one teaches, the next one uses. */
export class HpackReader {
  /** The youngest last, so that an insertion moves nothing. */
  #dynamicTable: Field[] = [];
  #size = 0;
  #most = tableSize;

  /**
   * Reads a block.
   *
   * @throws {ConnectionError} `COMPRESSION_ERROR` for what is no block, `ENHANCE_YOUR_CALM` for one that unpacks to more
   *   than {@linkcode maxHeaderList}: after either the next block could not be read.
   */
  read(block: Buffer, from = 0, to = block.length): Field[] {
    const reader = new BlockReader(block, from, to);
    const fields: Field[] = [];
    let size = 0;
    while (!reader.done) {
      const first = reader.peek();
      if ((first & 0xe0) === 0x20) {
        if (fields.length > 0) throw broken("A table is resized in the middle of a block.");
        this.#resize(reader.integer(5));
        continue;
      }
      const field = (first & 0x80) === 0 ? this.#literal(reader, first) : this.#known(reader.integer(7));
      size += sizeOf(field);
      if (size > maxHeaderList) throw new ConnectionError("ENHANCE_YOUR_CALM", "The headers are too large.");
      fields.push(field);
    }
    return fields;
  }

  #literal(reader: BlockReader, first: number): Field {
    const learn = (first & 0x40) !== 0;
    const index = reader.integer(learn ? 6 : 4);
    const name = index === 0 ? reader.text() : this.#known(index).name;
    const field = fieldOf(name, reader.text());
    if (learn) this.#learn(field);
    return field;
  }

  #known(index: number): Field {
    const field = index <= staticFields.length
      ? staticFields[index - 1]
      : this.#dynamicTable[this.#dynamicTable.length - (index - staticFields.length)];
    if (field === undefined) throw broken("A header is referred to that is not known.");
    return field;
  }

  #learn(field: Field): void {
    const size = sizeOf(field);
    this.#shrink(this.#most - size);
    // One that is larger than the table empties it and is not kept.
    if (size > this.#most) return;
    this.#dynamicTable.push(field);
    this.#size += size;
  }

  #resize(most: number): void {
    if (most > tableSize) throw broken("A table would be larger than it may be.");
    this.#most = most;
    this.#shrink(most);
  }

  #shrink(most: number): void {
    let gone = 0;
    for (; this.#size > most && gone < this.#dynamicTable.length; gone++) {
      this.#size -= sizeOf(this.#dynamicTable[gone] as Field);
    }
    if (gone > 0) this.#dynamicTable.splice(0, gone);
  }
}

/** No length or index in a block has more than 21 bits: none that is good comes near it. */
const maxContinued = 14;

/** Reads the parts of a block; past its end it throws. */
class BlockReader {
  readonly #block: Buffer;
  readonly #to: number;
  #at: number;

  constructor(block: Buffer, from: number, to: number) {
    this.#block = block;
    this.#at = from;
    this.#to = to;
  }

  get done(): boolean {
    return this.#at >= this.#to;
  }

  peek(): number {
    const byte = this.#block[this.#at];
    if (this.done || byte === undefined) throw broken("A block ends too early.");
    return byte;
  }

  /** An integer in the last `bits` of a byte, and in those that follow where it does not fit (section 5.1). */
  integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= maxContinued; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken("A number is too large.");
  }

  /** A string behind its length (section 5.2). */
  text(): string {
    const packed = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const from = this.#at;
    if (length > this.#to - from) throw broken("A string ends too early.");
    this.#at = from + length;
    return packed ? huffmanText(this.#block, from, this.#at) : this.#block.toString("latin1", from, this.#at);
  }

  #byte(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }
}

function broken(why: string): ConnectionError {
  return new ConnectionError("COMPRESSION_ERROR", why);
}

/**
 * Writes a block: names and values that the static table has by their index, all else as it stands, nothing that a
 * client would have to remember.
 */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  return Buffer.concat(fields.map(([name, value]) => {
    const known = staticTable.findIndex((one) => one[0] === name && one[1] === value) + 1;
    if (known > 0) return integer(0x80, 7, known);
    const named = staticTable.findIndex((one) => one[0] === name) + 1;
    const begin = integer(0, 4, named);
    return Buffer.concat(named > 0 ? [begin, text(value)] : [begin, text(name), text(value)]);
  }));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(0, 7, bytes.length), bytes]);
}

function integer(first: number, bits: number, value: number): Buffer {
  const most = (1 << bits) - 1;
  if (value < most) return Buffer.of(first | value);
  const bytes = [first | most];
  let left = value - most;
  for (; left >= 0x80; left >>>= 7) bytes.push(0x80 | left & 0x7f);
  return Buffer.of(...bytes, left);
}
