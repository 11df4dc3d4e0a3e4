/**
 * Flow control (RFC 9113, section 5.2): how much may be sent, and how much is let in.
 *
 * @module
 */
import { ConnectionError } from "./errors.ts";

/** Bytes. */
export const windows = {
  /** What every window begins with. */
  initial: 65_535,
  largest: 2 ** 31 - 1,
  /** What a request may send before it is answered: the largest message, and room above it for padding. */
  stream: 160 << 10,
  /**
   * What may be under way on a connection. It is opened again for each byte that was read, so that requests of which none
   * is whole cannot fill it and wait for each other: what is held of them is bounded by `budget.ts`.
   */
  connection: 1 << 20,
} as const;

/** A window after its owner has opened it further; `undefined` if that is further than a window goes. */
export function opened(window: number, increment: number): number | undefined {
  return window + increment > windows.largest ? undefined : window + increment;
}

/** What is let in on a connection. It is opened again by a quarter at a time. */
export class ReceiveWindow {
  #left: number = windows.connection;
  #uncredited = 0;

  /**
   * Lets bytes in.
   *
   * @returns by how much the client may be told that the window is open again, 0 if it need not be told yet.
   * @throws {ConnectionError} `FLOW_CONTROL_ERROR` if the client sends more than it may.
   */
  take(bytes: number): number {
    this.#left -= bytes;
    if (this.#left < 0) throw new ConnectionError("FLOW_CONTROL_ERROR", "More was sent than was let in.");
    this.#uncredited += bytes;
    if (this.#uncredited < windows.connection / 4) return 0;
    const told = this.#uncredited;
    this.#left += told;
    this.#uncredited = 0;
    return told;
  }
}
