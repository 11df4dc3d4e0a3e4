/**
 * Ownership of a socket's path: which process may start to serve there, keeping it while serving, and releasing it.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { sleep } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { Event, Notify } from "../../telemetry/events.ts";
import { ownerFound } from "../../base/file_failures.ts";
import { type AnswerTimes, answerTimes, AnswerWatch } from "./answer_watch.ts";
import type { Listener } from "../grpc/server.ts";
import {
  checkPath,
  inspectSocket,
  makeFolder,
  type PlacedSocket,
  placeSocket,
  type SocketFileFound,
  type SocketPlace,
} from "./socket_file.ts";
import { type SocketLock, tryLockSocket } from "./socket_lock.ts";
import type { SocketProtocol } from "./socket_probe.ts";

/** Options of {@linkcode holdSocket}. */
export interface SocketOptions extends SocketPlace {
  /** Decides whether a live socket at the path may be replaced. Without it, a live socket prevents the start. */
  readonly takeover?: Takeover | undefined;
  /** Mode bits of the socket's folder if it is made; 0711 if left out. */
  readonly folderMode?: number | undefined;
  /** The lock, if {@linkcode claimSocket} has taken it already. */
  readonly lock?: SocketLock | undefined;
  readonly notify: Notify;
  /** Interval of checks of the path in milliseconds; default 1,000. */
  readonly watchMs?: number;
  /** Times of the checks for responses; default {@linkcode answerTimes}. */
  readonly answer?: AnswerTimes;
  /** The protocol of the checks for responses; default `http2`. */
  readonly protocol?: SocketProtocol;
}

/**
 * Asks the process at a path whether this one may replace it.
 *
 * @returns the reason against it, as the end of a sentence without its full stop; `undefined` if it may.
 */
export type Takeover = (path: string) => Promise<string | undefined>;

/** A path that this process owns. */
export interface HeldSocket {
  /** Resolves after a successor has placed its socket there. The process should then finish its calls and exit. */
  readonly takenOver: Promise<void>;
  /** The reason why the socket does not answer, in one sentence; `""` unless this has lasted for long. */
  complaint(): string;
  /**
   * Removes the file if it is still the one that was placed, and releases the lock. Call it before the listeners are
   * closed.
   */
  release(): Promise<void>;
}

/**
 * Takes the lock of a socket early, so that other processes see that this one is starting. It holds the lock also
 * during a long or failing start.
 *
 * @param folderMode as in {@linkcode SocketOptions}.
 * @returns `undefined` if another process holds the lock; {@linkcode holdSocket} waits for it, or throws.
 * @throws {KmsError} `config` if the path cannot be used.
 */
export async function claimSocket(path: string, folderMode?: number): Promise<SocketLock | undefined> {
  checkPath(path);
  makeFolder(path, folderMode);
  return await tryLockSocket(path);
}

type Listen = (path: string) => Promise<Listener>;

// Milliseconds for which a start waits for a process that is shutting down.
const settleMs = 2000;

const never = new AbortController().signal;

/**
 * Places a socket at a path and keeps it there.
 *
 * @param listen makes the server listen on a path that does not exist yet.
 * @throws {KmsError} `config` if another process serves there, if the file at the path is not a socket, or if the
 *   system refuses.
 */
export async function holdSocket(listen: Listen, options: SocketOptions): Promise<HeldSocket> {
  checkPath(options.path);
  makeFolder(options.path, options.folderMode);
  let { lock, found } = await settle(options);
  try {
    if (found === "symlink" || found === "other") throw notASocket(options.path, found);
    if (found === "denied") throw deniedSocket(options.path);
    if (found === "live" || lock === undefined) await agreeWithPredecessor(found, options);
    const socket = await placeSocket(listen, options);
    notifyAction(options, ...startMessage(found));
    const held = new Holder(listen, options, lock, socket);
    lock = undefined;
    return held;
  } finally {
    lock?.[Symbol.dispose]();
  }
}

/**
 * Determines the lock, if it can be taken, and the kind of file at the path. A process that holds the lock without
 * listening is starting or shutting down; it is given `settleMs` to finish.
 */
async function settle(options: SocketOptions): Promise<{ lock: SocketLock | undefined; found: SocketFileFound }> {
  const { path } = options;
  const until = systemClock.now() + settleMs;
  for (let taken = options.lock;; taken = undefined) {
    const lock = taken?.inPlace() ? taken : await tryLockSocket(path);
    const found = await inspectSocket(path);
    if (lock !== undefined || (found !== "absent" && found !== "stale") || systemClock.now() > until) {
      return { lock, found };
    }
    await sleep(50, never);
  }
}

function startMessage(found: SocketFileFound): readonly [SocketEvent["action"], string] {
  if (found === "live") return ["taken_over", "Took the socket over from the Trousseau that served there."];
  if (found === "stale") return ["stale_removed", "Replaced a socket file that nobody listened on."];
  return ["bound", "Bound the socket."];
}

/** Watches and keeps the socket that {@linkcode holdSocket} placed. */
class Holder implements HeldSocket {
  readonly takenOver: Promise<void>;
  readonly #listen: Listen;
  readonly #options: SocketOptions;
  readonly #answers: AnswerWatch;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  readonly #successor = Promise.withResolvers<void>();
  #lock: SocketLock | undefined;
  #socket: PlacedSocket;
  #lastError = "";

  constructor(listen: Listen, options: SocketOptions, lock: SocketLock | undefined, socket: PlacedSocket) {
    this.takenOver = this.#successor.promise;
    this.#listen = listen;
    this.#options = options;
    this.#lock = lock;
    this.#socket = socket;
    this.#answers = new AnswerWatch(options.path, options.answer ?? answerTimes, options.notify, options.protocol);
    this.#watching = this.#watch();
  }

  complaint(): string {
    return this.#answers.complaint();
  }

  async release(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    try {
      this.#unlink();
    } catch (error) {
      this.#reportError(error);
    }
    // The lock is released before the calls in progress have ended, so that the next process need not wait for them.
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  #unlink(): void {
    if (!this.#socket.inPlace()) return;
    Deno.removeSync(this.#options.path);
    notifyAction(this.#options, "unlinked", "Removed the socket.");
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await sleep(this.#options.watchMs ?? 1000, signal);
      if (signal.aborted) return;
      try {
        if (await this.#hasSuccessor()) return this.#successor.resolve();
        await this.#keepLock();
        if (await this.#answers.isDead(signal)) await this.#placeAgain();
        this.#lastError = "";
      } catch (error) {
        this.#reportError(error);
      }
    }
  }

  /**
   * Checks whether the path is still ours; binds again if no process serves there. @returns whether a successor serves
   * there
   */
  async #hasSuccessor(): Promise<boolean> {
    if (this.#socket.inPlace()) return false;
    const found = await inspectSocket(this.#options.path);
    // A socket of another user is left unchanged too: a successor can serve there.
    if (found === "live" || found === "denied") {
      notifyAction(this.#options, "lost", "Another process has put its socket in place of ours.");
      return true;
    }
    if (found === "symlink" || found === "other") throw notASocket(this.#options.path, found);
    notifyAction(this.#options, "lost", "Somebody removed the socket.");
    await this.#placeAgain();
    return false;
  }

  async #placeAgain(): Promise<void> {
    const old = this.#socket;
    makeFolder(this.#options.path, this.#options.folderMode);
    this.#socket = await placeSocket(this.#listen, this.#options);
    old.listener.close();
    this.#answers.reset();
    notifyAction(this.#options, "rebound", "Bound the socket again.");
  }

  /**
   * Takes the lock if it is missing: a successor serves before its predecessor has released the lock, and a lock file
   * can be deleted.
   */
  async #keepLock(): Promise<void> {
    if (this.#lock?.inPlace()) return;
    const lock = await tryLockSocket(this.#options.path);
    if (lock === undefined) return;
    this.#lock?.[Symbol.dispose]();
    this.#lock = lock;
    notifyAction(this.#options, "lock_acquired", "Holds the lock file beside the socket now.");
  }

  /** Reports an error once, and again only if its message changes: a check each second would fill the log. */
  #reportError(error: unknown): void {
    const message = error instanceof KmsError ? error.message : "Cannot look after the socket: the system refused it.";
    if (message !== this.#lastError) notifyAction(this.#options, "failed", message);
    this.#lastError = message;
  }
}

async function agreeWithPredecessor(found: SocketFileFound, options: SocketOptions): Promise<void> {
  const { path, takeover } = options;
  if (takeover === undefined) {
    throw new KmsError(
      "config",
      found === "live"
        ? `Cannot serve on "${path}": another process serves there; stop it, or start with --takeover.`
        : `Cannot serve on "${path}": another process holds "${path}.lock" and is starting or stopping.`,
    );
  }
  const complaint = await takeover(path);
  if (complaint !== undefined) throw new KmsError("config", `Cannot take over "${path}": ${complaint}.`);
}

function notASocket(path: string, found: "symlink" | "other"): KmsError {
  const what = found === "symlink" ? "a symlink" : "something that is no socket";
  return new KmsError("config", `Cannot serve on "${path}": ${what} stands there, and is left alone.`);
}

function deniedSocket(path: string): KmsError {
  const whose = ownerFound(path) ?? "it belongs to another user";
  return new KmsError(
    "config",
    `Cannot serve on "${path}": a socket stands there, ${whose}, and this user may not connect to it to see whether ` +
      "another process serves there. Stop that process; if there is none, remove the file as its owner or as root.",
  );
}

type SocketEvent = Extract<Event, { type: "socket" }>;

function notifyAction(options: SocketOptions, action: SocketEvent["action"], message: string): void {
  options.notify({ type: "socket", action, path: options.path, message });
}
