/**
 * Lines that are written by one call. Their numbers and hashes assume that all lines before them are written too; after a
 * failed write the chain goes on behind the last whole line.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import {
  type AuditLineKind,
  chainedLine,
  type ChainPosition,
  positionOf,
  signedLine,
} from "../../../api/keyring/audit_format.ts";
import { concat, sha256Hex, utf8 } from "../../../base/bytes.ts";

/** A line of a batch. */
export interface BatchLine<Origin> {
  /** The cause of the line. */
  readonly origin: Origin;
  readonly position: ChainPosition;
  readonly text: string;
  /** Number of bytes of the batch up to the end of this line. */
  readonly end: number;
}

/** Bytes behind the last line. */
export interface Fragment {
  readonly bytes: Uint8Array;
  /** Whether they stand in the file that is written now, and not at the end of a rotated one. */
  readonly inThisFile: boolean;
}

const lineFeed = utf8("\n");

/** Builds a batch. */
export class LineBatch<Origin> {
  readonly #at: number;
  readonly #parts: Uint8Array[] = [];
  #size = 0;
  #position: ChainPosition;
  readonly lines: BatchLine<Origin>[] = [];

  /** @param at the time of all lines, in milliseconds since the epoch. */
  constructor(position: ChainPosition, at: number) {
    this.#position = position;
    this.#at = at;
  }

  /** A marker that closes a fragment. */
  closeFragment({ bytes, inThisFile }: Fragment, origin: Origin): void {
    const isEnded = bytes.at(-1) === lineFeed[0];
    const content = isEnded ? bytes.subarray(0, -1) : bytes;
    if (inThisFile && !isEnded) this.#push(lineFeed);
    this.add("torn", { bytes: content.length, sha256: sha256Hex(content) }, origin);
  }

  add(kind: AuditLineKind, fields: object, origin: Origin): void {
    this.#addText(chainedLine(kind, this.#position, this.#at, fields), origin);
  }

  addSigned(fields: object, key: KeyObject, origin: Origin): void {
    this.#addText(signedLine(chainedLine("head", this.#position, this.#at, fields), key), origin);
  }

  bytes(): Uint8Array {
    return concat(...this.#parts);
  }

  #addText(text: string, origin: Origin): void {
    const bytes = utf8(text);
    this.#push(bytes);
    this.#push(lineFeed);
    this.#position = positionOf(this.#position.seq + 1, bytes);
    this.lines.push({ origin, position: this.#position, text, end: this.#size });
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#size += part.length;
  }
}
