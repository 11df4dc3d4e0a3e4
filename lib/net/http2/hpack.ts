/**
 * Header compression (HPACK, RFC 7541). The decoder supports all representations. The encoder uses no dynamic table, so
 * that a block can be encoded once and sent with every response.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ConnectionError } from "./errors.ts";
import { type Field, fieldOf } from "./fields.ts";
import { huffmanText } from "./huffman.ts";
import { staticTable } from "./static_table.ts";

/** Size of a field in the dynamic table, in bytes (RFC 7541, section 4.1). */
function sizeOf({ name, value }: Field): number {
  return name.length + value.length + 32;
}

const staticFields: readonly Field[] = staticTable.map(([name, value]) => fieldOf(name, value));

/**
 * Maximum size of the dynamic table that a client's encoder may use, in bytes: the default of
 * SETTINGS_HEADER_TABLE_SIZE, which is not announced.
 */
const tableSize = 4096;

/**
 * Maximum size of one decoded block in bytes, as {@linkcode sizeOf} counts; announced as SETTINGS_MAX_HEADER_LIST_SIZE.
 * The blocks of kube-apiserver have less than 1 KiB.
 */
export const maxHeaderList = 16_384;

/**
 * Decodes the header blocks of one connection. They must be read in the order of arrival, since each block can add
 * entries to the dynamic table that later ones refer to.
 */
export class HpackReader {
  /** Oldest entry first, so that an insertion moves no entry. */
  #dynamicTable: Field[] = [];
  #size = 0;
  #maxSize = tableSize;

  /**
   * Decodes a block.
   *
   * @throws {ConnectionError} `COMPRESSION_ERROR` for an invalid block, `ENHANCE_YOUR_CALM` for one that decodes to
   *   more than {@linkcode maxHeaderList}. After either, the dynamic table is out of step with the client's.
   */
  read(block: Buffer, from = 0, to = block.length): Field[] {
    const reader = new BlockReader(block, from, to);
    const fields: Field[] = [];
    let size = 0;
    while (!reader.done) {
      const first = reader.peek();
      if ((first & 0xe0) === 0x20) {
        if (fields.length > 0) throw compressionError("A table is resized in the middle of a block.");
        this.#resize(reader.integer(5));
        continue;
      }
      const field = (first & 0x80) === 0 ? this.#literal(reader, first) : this.#fieldAt(reader.integer(7));
      size += sizeOf(field);
      if (size > maxHeaderList) throw new ConnectionError("ENHANCE_YOUR_CALM", "The headers are too large.");
      fields.push(field);
    }
    return fields;
  }

  #literal(reader: BlockReader, first: number): Field {
    const addsToTable = (first & 0x40) !== 0;
    const index = reader.integer(addsToTable ? 6 : 4);
    const name = index === 0 ? reader.text() : this.#fieldAt(index).name;
    const field = fieldOf(name, reader.text());
    if (addsToTable) this.#insert(field);
    return field;
  }

  #fieldAt(index: number): Field {
    const field = index <= staticFields.length
      ? staticFields[index - 1]
      : this.#dynamicTable[this.#dynamicTable.length - (index - staticFields.length)];
    if (field === undefined) throw compressionError("A header is referred to that is not known.");
    return field;
  }

  #insert(field: Field): void {
    const size = sizeOf(field);
    this.#shrink(this.#maxSize - size);
    // An entry larger than the table empties it and is not added (RFC 7541, section 4.4).
    if (size > this.#maxSize) return;
    this.#dynamicTable.push(field);
    this.#size += size;
  }

  #resize(most: number): void {
    if (most > tableSize) throw compressionError("A table would be larger than it may be.");
    this.#maxSize = most;
    this.#shrink(most);
  }

  #shrink(most: number): void {
    let evicted = 0;
    for (; this.#size > most && evicted < this.#dynamicTable.length; evicted++) {
      this.#size -= sizeOf(this.#dynamicTable[evicted] as Field);
    }
    if (evicted > 0) this.#dynamicTable.splice(0, evicted);
  }
}

/**
 * Largest shift of a continuation byte. Integers are thus limited to 21 bits and a prefix; valid lengths and indices
 * are far smaller.
 */
const maxContinued = 14;

/** Reads the parts of a block. It throws at the end of the block. */
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
    if (this.done || byte === undefined) throw compressionError("A block ends too early.");
    return byte;
  }

  /** Reads an integer with a prefix of `bits` bits (RFC 7541, section 5.1). */
  integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= maxContinued; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw compressionError("A number is too large.");
  }

  /** Reads a string with its length (RFC 7541, section 5.2). */
  text(): string {
    const packed = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const from = this.#at;
    if (length > this.#to - from) throw compressionError("A string ends too early.");
    this.#at = from + length;
    return packed ? huffmanText(this.#block, from, this.#at) : this.#block.toString("latin1", from, this.#at);
  }

  #byte(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }
}

function compressionError(why: string): ConnectionError {
  return new ConnectionError("COMPRESSION_ERROR", why);
}

/**
 * Encodes a block. Names and values in the static table become an index; all others are literals without indexing, so
 * that the client's dynamic table stays empty.
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
