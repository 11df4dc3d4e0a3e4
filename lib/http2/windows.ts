/**
 * Flow control (RFC 9113, section 5.2): how much may be sent, and how much is let in.
 *
 * @module
 */
import { ConnectionFault } from "./faults.ts";

/** Bytes. */
export const windows = {
  /** What every window begins with. */
  initial: 65_535,
  largest: 2 ** 31 - 1,
  /** What a request may send before it is answered: a mebibyte, and enough above it to see that it is too large. */
  stream: (1 << 20) + 65_536,
  /**
   * What all requests of a connection together may: so much that as many streams as there may be cannot fill it with
   * requests of which none is whole, and wait for each other, not even while a quarter of it is still to be given back.
   */
  connection: 2 ** 30 + 2 ** 29,
} as const;

/** A window after its owner has opened it further; `undefined` if that is further than a window goes. */
export function opened(window: number, increment: number): number | undefined {
  return window + increment > windows.largest ? undefined : window + increment;
}

/** What is let in on a connection. It is opened again when a body has found its taker, by a quarter at a time. */
export class ReceiveWindow {
  #left: number = windows.connection;
  #owed = 0;

  /** @throws {ConnectionFault} `FLOW_CONTROL_ERROR` if the client sends more than it may. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new ConnectionFault("FLOW_CONTROL_ERROR", "More was sent than was let in.");
  }

  /** So many bytes have been dealt with. Returns what the client is to be told now, 0 if nothing. */
  giveBack(bytes: number): number {
    this.#owed += bytes;
    if (this.#owed < windows.connection / 4) return 0;
    const told = this.#owed;
    this.#left += told;
    this.#owed = 0;
    return told;
  }
}
