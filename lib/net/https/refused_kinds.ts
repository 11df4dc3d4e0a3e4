/**
 * Kinds of requests for which a new token did not help: the permission is missing, and another login would not grant
 * it.
 *
 * @module
 */
import { backoff } from "../../base/deadline.ts";

/** Milliseconds without another login for such a kind; doubled after each login that did not help. */
const pauses = { first: 10_000, most: 120_000 } as const;

/**
 * Maximum number of kinds that are remembered; the oldest is dropped. A vendor has a handful for each version of a key.
 */
const maxKinds = 64;

interface Mark {
  readonly logins: number;
  readonly until: number;
}

/** The refused kinds of one session. Times are milliseconds on the session's clock. */
export class RefusedKinds {
  readonly #marks = new Map<string, Mark>();

  /** Whether a login after a refused request of this kind can help. */
  mayHelp(kind: string, now: number): boolean {
    return now >= (this.#marks.get(kind)?.until ?? -Infinity);
  }

  /** Records that a request was refused with a new token. If many requests shared the login, only the first counts. */
  refused(kind: string, now: number): void {
    if (!this.mayHelp(kind, now)) return;
    const logins = this.#marks.get(kind)?.logins ?? 0;
    this.#marks.delete(kind);
    this.#marks.set(kind, { logins: logins + 1, until: now + backoff(logins, pauses.first, pauses.most) });
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > maxKinds && oldest !== undefined) this.#marks.delete(oldest);
  }

  /** Records that a request was accepted. */
  served(kind: string): void {
    this.#marks.delete(kind);
  }

  /** Drops all records, because the credentials will be read again. */
  clear(): void {
    this.#marks.clear();
  }
}
