/**
 * Flow control (RFC 9113, section 5.2): how many bytes of DATA may be sent in each direction.
 *
 * @module
 */
import { ConnectionError } from "./errors.ts";

/** Window sizes in bytes. */
export const windows = {
  /** Initial size of every window (RFC 9113, section 6.9.2). */
  initial: 65_535,
  max: 2 ** 31 - 1,
  /** Receive window of a stream. It is never increased: the largest message fits, with space for padding. */
  stream: 160 << 10,
  /**
   * Receive window of a connection. Each byte that was read is credited again, even if its request is still incomplete,
   * so that incomplete requests cannot exhaust the window and deadlock. `budget.ts` limits the memory that they hold.
   */
  connection: 1 << 20,
} as const;

/**
 * The window after a WINDOW_UPDATE, in bytes; `undefined` if it would exceed the maximum of RFC 9113, section 6.9.1.
 */
export function increased(window: number, increment: number): number | undefined {
  return window + increment > windows.max ? undefined : window + increment;
}

/** The receive window of a connection, in bytes. It is credited in steps of at least a quarter of its size. */
export class ReceiveWindow {
  #left: number = windows.connection;
  #uncredited = 0;

  /**
   * Counts bytes that were received.
   *
   * @returns the increment for a WINDOW_UPDATE in bytes; 0 if none is to be sent yet.
   * @throws {ConnectionError} `FLOW_CONTROL_ERROR` if the client exceeds the window.
   */
  take(bytes: number): number {
    this.#left -= bytes;
    if (this.#left < 0) throw new ConnectionError("FLOW_CONTROL_ERROR", "More was sent than was let in.");
    this.#uncredited += bytes;
    if (this.#uncredited < windows.connection / 4) return 0;
    const increment = this.#uncredited;
    this.#left += increment;
    this.#uncredited = 0;
    return increment;
  }
}
