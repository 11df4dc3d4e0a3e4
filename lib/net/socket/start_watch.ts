/**
 * Detects that the process that should serve on a socket has ended, with the lock beside the socket. The state in the
 * service manager cannot be read without permissions that the program does not have.
 *
 * @module
 */
import { inspectLock, type LockState } from "./socket_lock.ts";

/** Milliseconds. */
const times = {
  /** Maximum time from the start of a process until it takes the lock. */
  untilTaken: 5_000,
  /**
   * Maximum time by which the process can have started before the watch. An earlier lock belongs to a previous process.
   */
  early: 500,
} as const;

/** Number of consecutive checks that must find the lock free. A process never releases it temporarily. */
const checksFree = 2;

/** Watches one start. */
export class StartWatch {
  readonly #path: string;
  readonly #startedAt: number;
  readonly #look: (path: string) => Promise<LockState>;
  #taken = false;
  #free = 0;

  /**
   * @param startedAt start of the watched process, in milliseconds since the epoch.
   * @param look a test replaces it.
   */
  constructor(path: string, startedAt: number, look = inspectLock) {
    this.#path = path;
    this.#startedAt = startedAt;
    this.#look = look;
  }

  /**
   * Checks the lock.
   *
   * @param now the clock's `now`: milliseconds on the monotonic clock, which started with the wall time of this
   *   process's start.
   * @returns whether the process that took the lock has ended, or no process took it in time.
   */
  async hasEnded(now: number): Promise<boolean> {
    const { state, takenAt = 0 } = await this.#look(this.#path);
    if (state === "unknown") return false;
    // A time in the future was written before the clock was set back; it belongs to an earlier start.
    const since = takenAt >= this.#startedAt - times.early && takenAt <= now + times.early;
    this.#taken ||= state === "held" || since;
    this.#free = state === "held" ? 0 : this.#free + 1;
    return this.#free >= checksFree && (this.#taken || now - this.#startedAt > times.untilTaken);
  }
}
