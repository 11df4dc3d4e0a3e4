/**
 * Counts refused Decrypts, so that a node does not look well while nothing stored can be read.
 *
 * A refusal is every failure but an outage. What is counted is different envelopes, by a hash of their ciphertext: one
 * damaged object that is read again and again is one. An envelope's reference would not do, since all objects that are
 * written over v1beta1 within an hour share it.
 *
 * @module
 */
import { sha256Hex } from "../bytes.ts";
import { effectiveCode, type ErrorCode, type KmsError } from "../errors.ts";
import type { DecryptStatus, RefusedDecrypts } from "./answers.ts";

/** Milliseconds, and numbers of envelopes. `remembered` bounds the memory: some 200 KiB. */
const decryptLimits = { window: 300_000, failing: 3, remembered: 1_024 } as const;

const none: readonly RefusedDecrypts[] = [];

/** Failures that say nothing about the data: the KMS was not reached, or the caller gave up. */
const isOutage = {
  unreachable: true,
  deadline_exceeded: true,
  throttled: true,
  cancelled: true,
  request_invalid: false,
  integrity: false,
  key_unknown: false,
  key_unusable: false,
  unauthenticated: false,
  permission_denied: false,
  provider_protocol: false,
  internal: false,
  config: false,
} as const satisfies Record<Exclude<ErrorCode, "quorum_not_reached">, boolean>;

/**
 * The code that a refused Decrypt is counted under.
 *
 * @returns `undefined` for an outage: of several providers that hold a data key, one that may still open it is enough.
 *   `quorum_not_reached` where all refused with different codes.
 */
export function refusalCode(error: KmsError): ErrorCode | undefined {
  if (error.code !== "quorum_not_reached") return isOutage[error.code] ? undefined : error.code;
  if (error.members.length === 0 || error.members.some((member) => refusalCode(member) === undefined)) return undefined;
  return new Set(error.members.map(effectiveCode)).size === 1 ? effectiveCode(error) : error.code;
}

interface Tally {
  readonly since: number;
  lastAt: number;
  message: string;
  envelopes: number;
}

/** How a board judges. */
export interface DecryptBoardOptions {
  /** `Clock.now`: it never goes backwards. */
  readonly now: () => number;
  /** Whether refusals alone make it fail; a key service for people's files only counts them. */
  readonly canFail: boolean;
  /** Called when it begins to fail, with the newest sentence. */
  readonly onFailing: (message: string) => void;
}

/**
 * One for a service.
 *
 * It fails while Decrypts of at least three different envelopes were refused in the last five minutes and none was
 * opened in them. It recovers by itself.
 */
export class DecryptBoard {
  readonly #options: DecryptBoardOptions;
  /** By hash, the one that was refused longest ago first. */
  readonly #refused = new Map<string, { readonly tally: Tally; readonly at: number }>();
  readonly #tallies = new Map<ErrorCode, Tally>();
  #openedAt: number | undefined;
  /** Whether it failed at the last refusal. */
  #told: boolean | undefined;

  constructor(options: DecryptBoardOptions) {
    this.#options = options;
  }

  /** Something stored was opened. This is on the path of every Decrypt. */
  opened(): void {
    this.#openedAt = this.#options.now();
  }

  /** A Decrypt failed. */
  failed(ciphertext: Uint8Array, error: KmsError): void {
    const code = refusalCode(error);
    if (code === undefined) return;
    const now = this.#options.now();
    this.#forget(now);
    const envelope = sha256Hex(ciphertext);
    this.#remove(envelope);
    const tally = this.#tallies.get(code) ?? { since: now, lastAt: now, message: "", envelopes: 0 };
    Object.assign(tally, { lastAt: now, message: error.message, envelopes: tally.envelopes + 1 });
    this.#tallies.set(code, tally);
    this.#refused.set(envelope, { tally, at: now });
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > decryptLimits.remembered && oldest !== undefined) this.#remove(oldest);
    this.#tell(now, error.message);
  }

  /** How it is now, in moments of `Clock.now`. Each Encrypt looks at it: where nothing was refused it costs next to nothing. */
  status(): DecryptStatus {
    const { window: windowMs } = decryptLimits;
    const lastOpenedAt = this.#openedAt;
    if (this.#refused.size === 0) return { windowMs, refused: none, lastOpenedAt, failing: false };
    const now = this.#options.now();
    this.#forget(now);
    return { windowMs, refused: this.#byCode(), lastOpenedAt, failing: this.#isFailing(now) };
  }

  #byCode(): readonly RefusedDecrypts[] {
    return Array.from(this.#tallies, ([code, tally]) => ({ code, ...tally })).sort((a, b) => b.envelopes - a.envelopes);
  }

  #isFailing(now: number): boolean {
    if (!this.#options.canFail || this.#refused.size < decryptLimits.failing) return false;
    return this.#openedAt === undefined || now - this.#openedAt >= decryptLimits.window;
  }

  #tell(now: number, message: string): void {
    const failing = this.#isFailing(now);
    if (failing && !this.#told) this.#options.onFailing(message);
    this.#told = failing;
  }

  /** Drops what has left the window. */
  #forget(now: number): void {
    for (const [envelope, { at }] of this.#refused) {
      if (now - at < decryptLimits.window) break;
      this.#remove(envelope);
    }
    for (const [code, { envelopes }] of this.#tallies) if (envelopes === 0) this.#tallies.delete(code);
  }

  #remove(envelope: string): void {
    const known = this.#refused.get(envelope);
    if (known === undefined) return;
    this.#refused.delete(envelope);
    known.tally.envelopes--;
  }
}
