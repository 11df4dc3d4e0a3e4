/**
 * Counts refused Decrypts, so that a node whose stored data cannot be read is not reported as well.
 *
 * A refusal is every failure but an outage. Different envelopes are counted, by the hash of their ciphertext: a damaged
 * object that is read repeatedly counts once. The envelope's reference would be too coarse: all objects written over
 * v1beta1 within an hour share it.
 *
 * @module
 */
import { sha256Hex } from "../base/bytes.ts";
import { effectiveCode, type ErrorCode, type KmsError } from "../base/errors.ts";
import type { DecryptStatus, RefusedDecrypts } from "./status.ts";

/** `window` in milliseconds; `failing` and `remembered` in envelopes. The latter bounds the memory to about 200 KiB. */
const decryptLimits = { window: 300_000, failing: 3, remembered: 1_024 } as const;

const none: readonly RefusedDecrypts[] = [];

/** The codes that are no evidence about the data: the KMS was not reached, or the call was aborted. */
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
 * The code under which a refused Decrypt is counted.
 *
 * @returns `undefined` for an outage, which includes an outage of one of several holders: it may still unwrap the data key.
 *   `quorum_not_reached` if all holders refused with different codes.
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

/** Options of a board. */
export interface DecryptBoardOptions {
  /** Monotonic: `Clock.now`. */
  readonly now: () => number;
  /** Whether refusals can make the status `failing`, or are only counted. */
  readonly canFail: boolean;
  /** Called when the status becomes `failing`, with the newest error's sentence. */
  readonly onFailing: (message: string) => void;
}

/**
 * The refused Decrypts of one service.
 *
 * The status is `failing` while Decrypts of at least three different envelopes were refused within the last five minutes
 * and no Decrypt succeeded within them.
 */
export class DecryptBoard {
  readonly #options: DecryptBoardOptions;
  /** By hash, oldest refusal first. */
  readonly #refused = new Map<string, { readonly tally: Tally; readonly at: number }>();
  readonly #tallies = new Map<ErrorCode, Tally>();
  #openedAt: number | undefined;
  /** Whether Decrypt counted as failing at the last refusal. */
  #reported: boolean | undefined;

  constructor(options: DecryptBoardOptions) {
    this.#options = options;
  }

  /** Records a Decrypt of stored data that succeeded. Called for every Decrypt. */
  opened(): void {
    this.#openedAt = this.#options.now();
  }

  /** Records a Decrypt that failed. */
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
    this.#report(now, error.message);
  }

  /** The status, with times as moments of `Clock.now`. */
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

  #report(now: number, message: string): void {
    const failing = this.#isFailing(now);
    if (failing && !this.#reported) this.#options.onFailing(message);
    this.#reported = failing;
  }

  /** Drops the refusals before the window. */
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
