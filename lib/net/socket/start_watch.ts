/**
 * Whether the process that is to serve on a socket is still there, by the lock beside the socket: what a service manager
 * knows of the process cannot be asked for without permissions that the program does not have.
 *
 * @module
 */
import { type LockState, lookAtLock } from "./socket_lock.ts";

/** Milliseconds. */
const times = {
  /** How long a process may take from its start until it takes the lock. */
  untilTaken: 5_000,
  /** So much earlier than the watch the process may have been started, and not be the one before it. */
  early: 500,
} as const;

/** So many looks in a row find the lock free when its holder has ended: a holder never lets go of it for a moment. */
const looksFree = 2;

/** Watches one start. */
export class StartWatch {
  readonly #path: string;
  readonly #startedAt: number;
  readonly #look: (path: string) => Promise<LockState>;
  #taken = false;
  #free = 0;

  /**
   * @param startedAt when the start that is watched began, in milliseconds since the epoch.
   * @param look another one for tests.
   */
  constructor(path: string, startedAt: number, look = lookAtLock) {
    this.#path = path;
    this.#startedAt = startedAt;
    this.#look = look;
  }

  /**
   * Looks at the lock.
   *
   * @param now `now` of the system's clock, which runs on from the wall time of this process's start.
   * @returns whether the process that took the lock has ended, or none took it in time.
   */
  async hasEnded(now: number): Promise<boolean> {
    const { state, takenAt = 0 } = await this.#look(this.#path);
    if (state === "unknown") return false;
    // A time in the future was written before the clock was set back: it is of an earlier start.
    const since = takenAt >= this.#startedAt - times.early && takenAt <= now + times.early;
    this.#taken ||= state === "held" || since;
    this.#free = state === "held" ? 0 : this.#free + 1;
    return this.#free >= looksFree && (this.#taken || now - this.#startedAt > times.untilTaken);
  }
}
