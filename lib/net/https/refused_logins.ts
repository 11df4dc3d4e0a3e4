/**
 * Refused logins, so that the same credential is not sent again before its hold has ended.
 *
 * Some servers lock an account after a few refused logins, for all nodes. A refused credential is therefore recorded in
 * a file of the state folder, which all processes of this node read: `serve`, `sops` and `check`. A changed credential
 * counts as a different one and is sent at once. An operator can remove the file, so that the same credential is sent
 * at once.
 *
 * The file contains wall times. A process measures a hold with its monotonic clock, from the moment at which it
 * recorded or first read the refusal, so that setting the wall clock changes no hold. A refusal with a time in the
 * future was recorded by a clock that was ahead; it counts as a current one and is written back with the current time.
 *
 * The file contains no credential, and it must not confirm a guessed one either: a password can be weak, and a state
 * folder can be in a backup. It keeps two bytes of a salted, slow hash. Of a dictionary of a million passwords about 15
 * match by chance, so that the file does not identify the right one, and each attempt costs up to a tenth of a second.
 * In return, one of 65,536 changed credentials is mistaken for the refused one and has to wait. An HMAC would need a
 * key, which would be in the same folder.
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

/** A recorded refusal. Times are milliseconds since the epoch. */
interface Refusal {
  /** Truncated hash of the credential: four hexadecimal digits. */
  readonly tag: string;
  readonly at: number;
  readonly until: number;
  readonly hold: keyof typeof loginHolds;
  /** The server's reason as the end of a sentence; nothing secret. */
  readonly why: string;
}

interface RefusalFile {
  /** 16 bytes in base64. All refusals of the file share it. */
  readonly salt: string;
  readonly refusals: readonly Refusal[];
}

const spread = 0.2;
/** Maximum number of refusals in the file; the oldest are dropped first. */
const maxRefusals = 32;
const maxWhy = 512;
const tagPattern = /^[0-9a-f]{4}$/;
/** Iterations of PBKDF2 with SHA-256: 0.04 s to 0.1 s, in another thread. */
const iterations = 200_000;

const format: StateFileFormat<RefusalFile> = {
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

/** Dependencies of a {@linkcode RefusedLogins}. */
export interface RefusedLoginsOptions {
  /** Name of the provider, for messages. */
  readonly provider: string;
  readonly notify: Notify;
  /** Without a state folder, refusals are kept in the memory of this process only. */
  readonly stateFolder?: string | undefined;
  /** The servers that the logins are sent to. The same credential at other servers counts as a different one. */
  readonly scope: readonly string[];
  readonly clock?: Clock;
}

/** A refusal's `until` as stored, which identifies it, and its start and end in milliseconds on the monotonic clock. */
interface MonotonicTimes {
  readonly until: number;
  readonly at: number;
  readonly end: number;
}

/** Content of the file: `undefined` if there is none, `unusable` if it cannot be read. */
type Found = RefusalFile | undefined | "unusable";

/** The refused logins of one provider. */
export class RefusedLogins {
  readonly #options: RefusedLoginsOptions;
  readonly #clock: Clock;
  readonly #file: StateFile<RefusalFile> | undefined;
  readonly #servers: string;
  /** The last refusal that this process received, and whether it was written to the file. */
  #last: { readonly credential: Secret; readonly refusal: Refusal; readonly onDisk: boolean } | undefined;
  readonly #times: WallTimes;
  /** By tag: the refusals that this process has recorded or read, with their times on the monotonic clock. */
  readonly #monotonic = new Map<string, MonotonicTimes>();
  /** The last hash, so that the same credential is not hashed again. */
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
   * Logs in, unless the same credential was refused recently.
   *
   * @param credential identity and secret of the login, in a fixed order.
   * @param login sends the credential.
   * @throws {HeldLogin} if the credential was refused, now or earlier; any other error of `login`.
   */
  async attempt<T>(credential: readonly string[], { action, signal }: HttpCall, login: () => Promise<T>): Promise<T> {
    const secret = new Secret(JSON.stringify([...this.#options.scope, ...credential]));
    // Providers with the same servers share a lock; others do not wait for each other.
    using _lock = await this.#lock(`login-${this.#servers}`, signal);
    const held = await this.#heldBy(secret);
    if (held !== undefined) throw this.#held(held, action);
    try {
      const granted = await login();
      await this.#removeLast(signal);
      return granted;
    } catch (thrown) {
      if (!(thrown instanceof RefusedLogin)) throw thrown;
      throw this.#refused(thrown, await this.#record(secret, thrown));
    }
  }

  async #lock(name: string, signal: AbortSignal): Promise<Disposable | undefined> {
    const { stateFolder } = this.#options;
    return stateFolder === undefined ? undefined : await loginLock(`${stateFolder}/.${name}.lock`, signal);
  }

  /** The refusal because of which a credential must wait; `undefined` if there is none. */
  async #heldBy(secret: Secret): Promise<Refusal | undefined> {
    const found = await this.#current();
    const last = this.#last;
    // The file existed and is gone: an operator has removed it to release the credential.
    const released = found === undefined && last?.onDisk === true;
    if (!released && last?.credential.equals(secret) && this.#isLive(last.refusal)) return last.refusal;
    if (found === undefined || found === "unusable") return undefined;
    const live = found.refusals.filter((refusal) => this.#isLive(refusal));
    if (live.length === 0) return undefined;
    const tag = await this.#tagOf(secret, found.salt);
    return live.find((refusal) => refusal.tag === tag);
  }

  async #record(credential: Secret, { hold, message }: RefusedLogin): Promise<Refusal> {
    // Recording is fast, and it continues if the login's call is cancelled: a lost record could lock the account.
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

  /** Removes this process's last refusal after a successful login: the role can have been created in the meantime. */
  async #removeLast(signal: AbortSignal): Promise<void> {
    const last = this.#last;
    this.#last = undefined;
    if (last === undefined || !last.onDisk) return;
    using _lock = await this.#lock(format.name, signal);
    const found = await this.#read();
    if (typeof found !== "object") return;
    await this.#write({ ...found, refusals: found.refusals.filter(({ tag }) => tag !== last.refusal.tag) });
  }

  /** The file's content. A refusal with a time in the future, recorded by a clock that was ahead, starts again now. */
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
    this.#monotonic.set(tag, { until: refusal.until, at: now, end: now + ms });
    return refusal;
  }

  /** Whether a refusal ends later than the longest hold permits, and was not recorded by this process. */
  #isOfTheFuture({ tag, until, hold }: Refusal): boolean {
    const longest = loginHolds[hold].ms * (1 + spread);
    return this.#monotonic.get(tag)?.until !== until && until - this.#times.now() > longest;
  }

  #isLive(refusal: Refusal): boolean {
    return this.#clock.now() < this.#monotonicOf(refusal).end;
  }

  #monotonicOf({ tag, at, until }: Refusal): MonotonicTimes {
    const known = this.#monotonic.get(tag);
    if (known?.until === until) return known;
    const [now, wall] = [this.#clock.now(), this.#times.now()];
    const moments = { until, at: now - Math.max(0, wall - at), end: now + (until - wall) };
    this.#monotonic.set(tag, moments);
    const [oldest] = this.#monotonic.keys();
    if (this.#monotonic.size > 2 * maxRefusals && oldest !== undefined) this.#monotonic.delete(oldest);
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

  /**
   * An unusable file counts as empty and is replaced at the next refusal. Waiting for its repair would cause an outage.
   */
  async #read(): Promise<Found> {
    return await this.#file?.read().catch((): Found => "unusable");
  }

  async #write(content: RefusalFile): Promise<boolean> {
    if (this.#file === undefined) return false;
    try {
      await this.#file.write(content);
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
    const until = this.#times.of(this.#monotonicOf(refusal).end);
    const { since }: LoginHold = loginHolds[hold];
    const it = since === undefined ? "It" : `Since ${since}, it`;
    return new HeldLogin(`${message} ${it} is not repeated before ${timeOf(until)}; ${this.#way()}.`, true);
  }

  #held(refusal: Refusal, action: string): HeldLogin {
    const { at, end } = this.#monotonicOf(refusal);
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

/** A time in milliseconds since the epoch as `18:42 UTC`, rounded up to a minute. */
function timeOf(ms: number): string {
  return `${new Date(Math.ceil(ms / minute) * minute).toISOString().slice(11, 16)} UTC`;
}

/** The reason in a sentence of the form "Cannot do this: reason." */
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
