/**
 * Kinds of request that a fresh token did not help: the right is missing, and another login would not give it.
 *
 * @module
 */
import { backoff } from "../../base/deadline.ts";

/** How long another login is not tried for such a kind, in milliseconds: longer after each one that did not help. */
const pauses = { first: 10_000, most: 120_000 } as const;

/** The most kinds that are known at once: the oldest goes first. A vendor has a handful for each version of a key. */
const maxKinds = 64;

interface Mark {
  readonly logins: number;
  readonly until: number;
}

/** One for a session. Times are milliseconds on the session's clock. */
export class RefusedKinds {
  readonly #marks = new Map<string, Mark>();

  /** Whether a login for a refused request of this kind may help. */
  mayHelp(kind: string, now: number): boolean {
    return now >= (this.#marks.get(kind)?.until ?? -Infinity);
  }

  /** Notes that a request was refused with a token that was got for it. Of many that shared the login, the first counts. */
  refused(kind: string, now: number): void {
    if (!this.mayHelp(kind, now)) return;
    const logins = this.#marks.get(kind)?.logins ?? 0;
    this.#marks.delete(kind);
    this.#marks.set(kind, { logins: logins + 1, until: now + backoff(logins, pauses.first, pauses.most) });
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > maxKinds && oldest !== undefined) this.#marks.delete(oldest);
  }

  /** Notes that a request was served. */
  served(kind: string): void {
    this.#marks.delete(kind);
  }

  /** Forgets all: the credentials are to be read anew. */
  clear(): void {
    this.#marks.clear();
  }
}
