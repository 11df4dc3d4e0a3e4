/**
 * The Huffman code of HPACK (RFC 7541, appendix B), decoded four bits at a time.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { ConnectionError } from "./errors.ts";

/**
 * Symbols by the length of their code, in the order of their codes.
 *
 * The code is canonical (RFC 7541, appendix B), so that all codes follow from this table: a code is its predecessor
 * plus one; at a greater length, zeros are appended.
 */
const symbolsByLength: readonly (readonly [bits: number, symbols: readonly number[]])[] = [
  [5, ascii("012aceiost")],
  [6, ascii(" %-./3456789=A_bdfghlmnpru")],
  [7, ascii(":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz")],
  [8, ascii("&*,;XZ")],
  [10, ascii('!"()?')],
  [11, ascii("'+|")],
  [12, ascii("#>")],
  [13, [0, ...ascii("$@[]~")]],
  [14, ascii("^}")],
  [15, ascii("<`{")],
  [19, [92, 195, 208]],
  [20, [128, 130, 131, 162, 184, 194, 224, 226]],
  [21, [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230]],
  [
    22,
    [129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198]
      .concat([228, 232, 233]),
  ],
  [
    23,
    [1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182]
      .concat([183, 188, 191, 197, 231, 239]),
  ],
  [24, [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237]],
  [25, [199, 207, 234, 235]],
  [26, [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255]],
  [27, [203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254]],
  [
    28,
    [2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249],
  ],
  [30, [10, 13, 22, 256]],
];

/** The EOS symbol. It never occurs in a string; only its first bits do, as padding of the last byte. */
const endOfString = 256;

/** A code as a number, and its length in bits. */
export interface HuffmanCode {
  readonly code: number;
  /** From 5 to 30. */
  readonly bits: number;
}

/** The code of each symbol from 0 to 256. */
export const huffmanCodes: readonly HuffmanCode[] = canonicalCodes();

/**
 * A state machine that takes four bits in each step. State and bits determine the next state, the byte that is
 * completed, if any, and whether the string may end there.
 */
const machine = huffmanMachine();

/**
 * Decodes a string.
 *
 * @returns its bytes, each as one character (latin1).
 * @throws {ConnectionError} `COMPRESSION_ERROR` for an EOS symbol or wrong padding.
 */
export function huffmanText(bytes: Buffer, from: number, to: number): string {
  let [state, text, mayEnd] = [0, "", true];
  for (let at = 2 * from; at < 2 * to; at++) {
    const byte = bytes[at >> 1] ?? 0;
    const step = state * 16 + ((at & 1) === 0 ? byte >> 4 : byte & 15);
    const symbol = machine.symbols[step] ?? -1;
    if (symbol === endOfString) throw new ConnectionError("COMPRESSION_ERROR", "A string holds its own end.");
    if (symbol >= 0) text += String.fromCharCode(symbol);
    state = machine.next[step] ?? 0;
    mayEnd = machine.mayEnd[state] === 1;
  }
  if (!mayEnd) throw new ConnectionError("COMPRESSION_ERROR", "A string is not filled up as it should be.");
  return text;
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

function canonicalCodes(): HuffmanCode[] {
  const codes: HuffmanCode[] = [];
  let [next, last] = [0, 0];
  for (const [bits, symbols] of symbolsByLength) {
    next <<= bits - last;
    last = bits;
    for (const symbol of symbols) codes[symbol] = { code: next++, bits };
  }
  return codes;
}

interface Machine {
  /** Next state; the index is state × 16 + four bits. */
  readonly next: Uint16Array;
  /** Completed symbol, or -1; same index. Codes have at least five bits, so that a step completes at most one. */
  readonly symbols: Int16Array;
  /**
   * 1 if the string may end in the state: at most seven bits, all ones, since the last symbol (RFC 7541, section 5.2).
   */
  readonly mayEnd: Uint8Array;
}

/** An inner node of the code tree: its children for bit 0 and bit 1. A negative number is the symbol `-1 - number`. */
type Node = [zero: number, one: number];

function huffmanMachine(): Machine {
  const nodes = huffmanTree();
  const machine = {
    next: new Uint16Array(nodes.length * 16),
    symbols: new Int16Array(nodes.length * 16).fill(-1),
    mayEnd: new Uint8Array(nodes.length),
  };
  for (let state = 0; state < nodes.length; state++) {
    for (let four = 0; four < 16; four++) {
      let node = state;
      for (let bit = 3; bit >= 0; bit--) {
        const to = nodes[node]?.[(four >> bit & 1) as 0 | 1] ?? 0;
        if (to < 0) machine.symbols[state * 16 + four] = -1 - to;
        node = Math.max(0, to);
      }
      machine.next[state * 16 + four] = node;
    }
  }
  let node = 0;
  for (let ones = 0; ones <= 7; ones++) {
    machine.mayEnd[node] = 1;
    node = Math.max(0, nodes[node]?.[1] ?? 0);
  }
  return machine;
}

function huffmanTree(): Node[] {
  const nodes: Node[] = [[0, 0]];
  huffmanCodes.forEach(({ code, bits }, symbol) => {
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const side = (code >> bit & 1) as 0 | 1;
      const at = nodes[node] as Node;
      if (at[side] === 0) at[side] = nodes.push([0, 0]) - 1;
      node = at[side];
    }
    (nodes[node] as Node)[(code & 1) as 0 | 1] = -1 - symbol;
  });
  return nodes;
}
