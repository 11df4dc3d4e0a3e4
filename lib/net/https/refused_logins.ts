/**
 * Logins that were refused, so that the same credential is not sent again before its wait is over.
 *
 * Some servers lock an account after a few refused logins, for all nodes. A refused credential is therefore noted in a
 * file of the state folder, which all processes of this node read: `serve`, `sops` and `check`. A changed credential is
 * another one and is sent at once. An operator can remove the file to have the same one sent at once.
 *
 * The file has wall times, and a process waits by the monotonic clock from when it has noted or first read a refusal, so
 * that a clock which is set makes it wait neither shorter nor longer. A refusal with a time in the future, noted by a
 * clock that ran ahead, counts as one of the present and is written back as such.
 *
 * The file holds no credential, but it must not confirm a guess at one either: a password may be weak, and a state folder
 * may be in a backup. Two bytes are kept of a salted, slow hash. Of a dictionary of a million passwords some 15 fit by
 * chance, so that the file does not tell the right one; and each try costs a tenth of a second or less. In return one changed credential of 65,536 is taken for the old one, and waits. An HMAC would need a key, which would lie
 * in the same folder.
 *
 * @module
 */
import { type Clock, systemClock, WallTimes } from "../../base/clock.ts";
import { base64, fromBase64, hex, lengthPrefixed, sha256Hex, utf8 } from "../../base/bytes.ts";
import { jittered } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import { Secret } from "../../base/secret.ts";
import { type StateFile, stateFile, type StateFileFormat } from "../../base/state_file.ts";
import type { HttpCall } from "./endpoint.ts";
import { HeldLogin, type LoginHold, loginHolds, RefusedLogin } from "./login_holds.ts";
import { loginLock } from "./login_lock.ts";

const minute = 60_000;

/** A refusal that was noted. Times are milliseconds since the epoch. */
interface Refusal {
  /** Of the credential: four hexadecimal digits. */
  readonly tag: string;
  readonly at: number;
  readonly until: number;
  readonly hold: keyof typeof loginHolds;
  /** What was answered, as the end of a sentence; nothing secret. */
  readonly why: string;
}

interface Noted {
  /** 16 bytes in base64, one salt for all. */
  readonly salt: string;
  readonly refusals: readonly Refusal[];
}

const spread = 0.2;
/** The most that are kept; the oldest go first. */
const maxRefusals = 32;
const maxWhy = 512;
const tagPattern = /^[0-9a-f]{4}$/;
/** PBKDF2 with SHA-256: 0.04 s to 0.1 s, off this thread. */
const iterations = 200_000;

const format: StateFileFormat<Noted> = {
  name: "refused-logins.json",
  content: "the refused logins of this node",
  format: 1,
  maxBytes: 64 * 1024,
  parse: ({ salt, refusals }) =>
    typeof salt === "string" && fromBase64(salt)?.length === 16 && Array.isArray(refusals) &&
      refusals.length <= maxRefusals && refusals.every(isRefusal)
      ? { salt, refusals }
      : undefined,
  advice: "remove it",
};

/** What a {@linkcode RefusedLogins} is made of. */
export interface RefusedLoginsOptions {
  readonly provider: string;
  readonly notify: Notify;
  /** Without one, refusals are known to this process alone. */
  readonly stateFolder?: string | undefined;
  /** Whom the logins ask: the same credential elsewhere is another one. */
  readonly scope: readonly string[];
  readonly clock?: Clock;
}

/** A refusal's `until` as it is kept, and its times on the monotonic clock. */
interface Moments {
  readonly until: number;
  readonly at: number;
  readonly end: number;
}

/** What the file says: `undefined` where there is none, `unusable` where it cannot be read. */
type Found = Noted | undefined | "unusable";

/** The refused logins of one provider. */
export class RefusedLogins {
  readonly #options: RefusedLoginsOptions;
  readonly #clock: Clock;
  readonly #file: StateFile<Noted> | undefined;
  readonly #servers: string;
  /** The last refusal that this process saw, and whether it is in the file too. */
  #last: { readonly credential: Secret; readonly refusal: Refusal; readonly onDisk: boolean } | undefined;
  readonly #times: WallTimes;
  /** By tag, the refusals that this process has noted or read, and their times on the monotonic clock. */
  readonly #moments = new Map<string, Moments>();
  /** The last hash: comparing a credential again costs nothing. */
  #hashed: { readonly credential: Secret; readonly salt: string; readonly tag: string } | undefined;
  #warned = false;

  constructor(options: RefusedLoginsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#times = new WallTimes(this.#clock);
    this.#servers = sha256Hex(utf8(JSON.stringify(options.scope))).slice(0, 8);
    this.#file = options.stateFolder === undefined ? undefined : stateFile(options.stateFolder, format);
  }

  /**
   * Logs in, unless the same credential was refused lately.
   *
   * @param credential who logs in and with what, in a fixed order.
   * @param login sends it.
   * @throws {HeldLogin} if it was refused, now or before; whatever else `login` throws.
   */
  async attempt<T>(credential: readonly string[], { action, signal }: HttpCall, login: () => Promise<T>): Promise<T> {
    const secret = new Secret(JSON.stringify([...this.#options.scope, ...credential]));
    // Providers that ask the same servers share a lock; others do not wait for each other.
    using _lock = await this.#lock(`login-${this.#servers}`, signal);
    const held = await this.#heldBy(secret);
    if (held !== undefined) throw this.#held(held, action);
    try {
      const granted = await login();
      await this.#forget(signal);
      return granted;
    } catch (thrown) {
      if (!(thrown instanceof RefusedLogin)) throw thrown;
      throw this.#refused(thrown, await this.#note(secret, thrown));
    }
  }

  async #lock(name: string, signal: AbortSignal): Promise<Disposable | undefined> {
    const { stateFolder } = this.#options;
    return stateFolder === undefined ? undefined : await loginLock(`${stateFolder}/.${name}.lock`, signal);
  }

  /** The refusal for which a credential has to wait. */
  async #heldBy(secret: Secret): Promise<Refusal | undefined> {
    const found = await this.#current();
    const last = this.#last;
    // A file that was there and is gone was removed on purpose.
    const released = found === undefined && last?.onDisk === true;
    if (!released && last?.credential.equals(secret) && this.#isLive(last.refusal)) return last.refusal;
    if (found === undefined || found === "unusable") return undefined;
    const live = found.refusals.filter((refusal) => this.#isLive(refusal));
    if (live.length === 0) return undefined;
    const tag = await this.#tagOf(secret, found.salt);
    return live.find((refusal) => refusal.tag === tag);
  }

  async #note(credential: Secret, { hold, message }: RefusedLogin): Promise<Refusal> {
    // Noting takes a moment and is not given up with the login: the account would pay for it.
    using _lock = await this.#lock(format.name, new AbortController().signal);
    const found = await this.#read();
    const salt = typeof found === "object" ? found.salt : base64(crypto.getRandomValues(new Uint8Array(16)));
    const tag = await this.#tagOf(credential, salt);
    const refusal = this.#refusalOfNow({ tag, hold, why: causeOf(message).slice(0, maxWhy) });
    const others = typeof found === "object" ? found.refusals : [];
    const kept = others.filter((one) => one.tag !== tag && this.#isLive(one)).slice(1 - maxRefusals);
    this.#last = { credential, refusal, onDisk: await this.#write({ salt, refusals: [...kept, refusal] }) };
    return refusal;
  }

  /** What this process noted of a credential that is good after all: a role may have been made meanwhile. */
  async #forget(signal: AbortSignal): Promise<void> {
    const last = this.#last;
    this.#last = undefined;
    if (last === undefined || !last.onDisk) return;
    using _lock = await this.#lock(format.name, signal);
    const found = await this.#read();
    if (typeof found !== "object") return;
    await this.#write({ ...found, refusals: found.refusals.filter(({ tag }) => tag !== last.refusal.tag) });
  }

  /** The file's content. Refusals with a time in the future, noted by a clock that ran ahead, wait from now on. */
  async #current(): Promise<Found> {
    const found = await this.#read();
    if (typeof found !== "object" || !found.refusals.some((one) => this.#isOfTheFuture(one))) return found;
    using _lock = await this.#lock(format.name, new AbortController().signal);
    const again = await this.#read();
    if (typeof again !== "object") return again;
    const refusals = again.refusals.map((one) => this.#isOfTheFuture(one) ? this.#refusalOfNow(one) : one);
    await this.#write({ ...again, refusals });
    return { ...again, refusals };
  }

  #refusalOfNow({ tag, hold, why }: Pick<Refusal, "tag" | "hold" | "why">): Refusal {
    const [now, ms] = [this.#clock.now(), jittered(loginHolds[hold].ms, spread)];
    const refusal = { tag, at: this.#times.of(now), until: this.#times.of(now + ms), hold, why };
    this.#moments.set(tag, { until: refusal.until, at: now, end: now + ms });
    return refusal;
  }

  /** Whether a refusal waits for longer than the longest wait, and this process has not noted it. */
  #isOfTheFuture({ tag, until, hold }: Refusal): boolean {
    const longest = loginHolds[hold].ms * (1 + spread);
    return this.#moments.get(tag)?.until !== until && until - this.#times.now() > longest;
  }

  #isLive(refusal: Refusal): boolean {
    return this.#clock.now() < this.#momentsOf(refusal).end;
  }

  #momentsOf({ tag, at, until }: Refusal): Moments {
    const known = this.#moments.get(tag);
    if (known?.until === until) return known;
    const [now, wall] = [this.#clock.now(), this.#times.now()];
    const moments = { until, at: now - Math.max(0, wall - at), end: now + (until - wall) };
    this.#moments.set(tag, moments);
    const [oldest] = this.#moments.keys();
    if (this.#moments.size > 2 * maxRefusals && oldest !== undefined) this.#moments.delete(oldest);
    return moments;
  }

  async #tagOf(credential: Secret, salt: string): Promise<string> {
    const known = this.#hashed;
    if (known?.salt === salt && known.credential.equals(credential)) return known.tag;
    const key = await crypto.subtle.importKey("raw", bytesOf(credential), "PBKDF2", false, ["deriveBits"]);
    const parameters = { name: "PBKDF2", hash: "SHA-256", salt: Uint8Array.from(fromBase64(salt) ?? []), iterations };
    const bits = await crypto.subtle.deriveBits(parameters, key, 256);
    const tag = hex(new Uint8Array(bits, 0, 2));
    this.#hashed = { credential, salt, tag };
    return tag;
  }

  /** A file that cannot be used is replaced at the next refusal. Waiting for its repair would turn it into an outage. */
  async #read(): Promise<Found> {
    return await this.#file?.read().catch((): Found => "unusable");
  }

  async #write(noted: Noted): Promise<boolean> {
    if (this.#file === undefined) return false;
    try {
      await this.#file.write(noted);
      return true;
    } catch (thrown) {
      this.#warn(thrown);
      return false;
    }
  }

  #warn(thrown: unknown): void {
    if (this.#warned || !(thrown instanceof KmsError)) return;
    this.#warned = true;
    const { provider, notify } = this.#options;
    const message = `${thrown.message} Refused logins of provider "${provider}" are known to this process alone.`;
    notify({ type: "lifecycle", action: "warning", message });
  }

  #refused({ message }: RefusedLogin, refusal: Refusal): HeldLogin {
    const { hold } = refusal;
    const until = this.#times.of(this.#momentsOf(refusal).end);
    const { since }: LoginHold = loginHolds[hold];
    const it = since === undefined ? "It" : `Since ${since}, it`;
    return new HeldLogin(`${message} ${it} is not repeated before ${timeOf(until)}; ${this.#way()}.`, true);
  }

  #held(refusal: Refusal, action: string): HeldLogin {
    const { at, end } = this.#momentsOf(refusal);
    const minutes = Math.floor((this.#clock.now() - at) / minute);
    const ago = minutes < 1 ? "just now" : minutes === 1 ? "1 minute ago" : `${minutes} minutes ago`;
    const until = `is not repeated before ${timeOf(this.#times.of(end))}`;
    const message = `Cannot ${action}: it was refused ${ago} and ${until}: ${refusal.why}; ${this.#way()}.`;
    return new HeldLogin(message, false);
  }

  #way(): string {
    const path = this.#last?.onDisk === false ? undefined : this.#file?.path;
    return `to try now, change it or ${path === undefined ? "start again" : `remove ${path}`}`;
  }
}

/** `18:42 UTC`, rounded up to a minute. */
function timeOf(ms: number): string {
  return `${new Date(Math.ceil(ms / minute) * minute).toISOString().slice(11, 16)} UTC`;
}

/** The end of a sentence of the form "Cannot do this: cause." */
function causeOf(message: string): string {
  return message.replace(/^Cannot [^:]*: /, "").replace(/\.$/, "");
}

function bytesOf(credential: Secret): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(lengthPrefixed(utf8("trousseau-refused-login-1"), utf8(credential.reveal())));
}

function isRefusal(value: unknown): value is Refusal {
  if (typeof value !== "object" || value === null) return false;
  const { tag, at, until, hold, why }: { [Name in keyof Refusal]?: unknown } = value;
  return typeof tag === "string" && tagPattern.test(tag) && isTime(at) && isTime(until) && typeof hold === "string" &&
    Object.hasOwn(loginHolds, hold) && typeof why === "string" && why.length <= maxWhy;
}

function isTime(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 8.64e15;
}
