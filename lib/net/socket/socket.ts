/**
 * Holding a socket's path: who may start to serve there, keeping it while serving, and giving it up.
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
  look,
  makeFolder,
  type PlacedSocket,
  placeSocket,
  type SocketFileFound,
  type SocketPlace,
} from "./socket_file.ts";
import { type SocketLock, tryLockSocket } from "./socket_lock.ts";

/** How to hold a socket. */
export interface SocketOptions extends SocketPlace {
  /** Whether a live socket may be taken over, asked of it at this path. Left out, a live socket stops the start. */
  readonly takeover?: Takeover | undefined;
  /** The lock, if it was taken before: see {@linkcode claimSocket}. */
  readonly lock?: SocketLock | undefined;
  readonly notify: Notify;
  /** Milliseconds between two looks at the path; 1,000 if left out. */
  readonly watchMs?: number;
  /** How often it is asked whether it answers; {@linkcode answerTimes} if left out. */
  readonly answer?: AnswerTimes;
}

/**
 * Asks a predecessor whether this process may take its place.
 *
 * @returns why not, as the end of a sentence without its full stop; `undefined` if it may.
 */
export type Takeover = (path: string) => Promise<string | undefined>;

/** A path that is ours. */
export interface HeldSocket {
  /** Resolves when a successor has put its own socket there: time to drain and leave. */
  readonly takenOver: Promise<void>;
  /** Why nothing is answered there, in one sentence; `""` unless that has been so for long. */
  complaint(): string;
  /** Removes the file if it is still ours, and gives up the lock. Call it before the listeners are closed. */
  release(): Promise<void>;
}

/**
 * Takes the lock of a socket, so that others see from then on that a process starts to serve there. A start that takes
 * its time, or fails, does so with the lock held.
 *
 * @returns `undefined` if another process holds it; {@linkcode holdSocket} waits for it, or says so.
 * @throws {KmsError} `config` if the path cannot be had.
 */
export async function claimSocket(path: string): Promise<SocketLock | undefined> {
  checkPath(path);
  makeFolder(path);
  return await tryLockSocket(path);
}

type Listen = (path: string) => Promise<Listener>;

// As long as a start may wait for a process that is on its way out.
const settleMs = 2000;

const never = new AbortController().signal;

/**
 * Puts a socket of ours at a path and keeps it there.
 *
 * @param listen makes the server listen on a path that does not exist yet.
 * @throws {KmsError} `config` if somebody else serves there, if something that is no socket stands there, or if the
 *   system refuses.
 */
export async function holdSocket(listen: Listen, options: SocketOptions): Promise<HeldSocket> {
  checkPath(options.path);
  makeFolder(options.path);
  let { lock, found } = await settled(options);
  try {
    if (found === "symlink" || found === "other") throw notASocket(options.path, found);
    if (found === "denied") throw deniedSocket(options.path);
    if (found === "live" || lock === undefined) await agreeWithPredecessor(found, options);
    const socket = await placeSocket(listen, options);
    tell(options, ...started(found));
    const held = new Holder(listen, options, lock, socket);
    lock = undefined;
    return held;
  } finally {
    lock?.[Symbol.dispose]();
  }
}

/**
 * Who is there: the lock if it can be had, and what stands at the path. A process that holds the lock and does not listen
 * is starting or leaving; it gets a moment to make up its mind.
 */
async function settled(options: SocketOptions): Promise<{ lock: SocketLock | undefined; found: SocketFileFound }> {
  const { path } = options;
  const until = systemClock.now() + settleMs;
  for (let taken = options.lock;; taken = undefined) {
    const lock = taken?.inPlace() ? taken : await tryLockSocket(path);
    const found = await look(path);
    if (lock !== undefined || (found !== "absent" && found !== "stale") || systemClock.now() > until) {
      return { lock, found };
    }
    await sleep(50, never);
  }
}

function started(found: SocketFileFound): readonly [SocketEvent["action"], string] {
  if (found === "live") return ["taken_over", "Took the socket over from the Trousseau that served there."];
  if (found === "stale") return ["stale_removed", "Replaced a socket file that nobody listened on."];
  return ["bound", "Bound the socket."];
}

/** Keeps what {@linkcode holdSocket} made. */
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
  #complaint = "";

  constructor(listen: Listen, options: SocketOptions, lock: SocketLock | undefined, socket: PlacedSocket) {
    this.takenOver = this.#successor.promise;
    this.#listen = listen;
    this.#options = options;
    this.#lock = lock;
    this.#socket = socket;
    this.#answers = new AnswerWatch(options.path, options.answer ?? answerTimes, options.notify);
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
      this.#complain(error);
    }
    // Given up before the calls in flight have ended: whoever starts next need not wait for them.
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  #unlink(): void {
    if (!this.#socket.inPlace()) return;
    Deno.removeSync(this.#options.path);
    tell(this.#options, "unlinked", "Removed the socket.");
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
        this.#complaint = "";
      } catch (error) {
        this.#complain(error);
      }
    }
  }

  /** Looks whether the path is still ours, and takes it back if nobody serves there. */
  async #hasSuccessor(): Promise<boolean> {
    if (this.#socket.inPlace()) return false;
    const found = await look(this.#options.path);
    // A socket of another user is left alone too: a successor may serve there.
    if (found === "live" || found === "denied") {
      tell(this.#options, "lost", "Another process has put its socket in place of ours.");
      return true;
    }
    if (found === "symlink" || found === "other") throw notASocket(this.#options.path, found);
    tell(this.#options, "lost", "Somebody removed the socket.");
    await this.#placeAgain();
    return false;
  }

  async #placeAgain(): Promise<void> {
    const old = this.#socket;
    makeFolder(this.#options.path);
    this.#socket = await placeSocket(this.#listen, this.#options);
    old.listener.close();
    this.#answers.forgive();
    tell(this.#options, "rebound", "Bound the socket again.");
  }

  /** A successor serves before its predecessor has let go of the lock, and a lock file can be deleted. */
  async #keepLock(): Promise<void> {
    if (this.#lock?.inPlace()) return;
    const lock = await tryLockSocket(this.#options.path);
    if (lock === undefined) return;
    this.#lock?.[Symbol.dispose]();
    this.#lock = lock;
    tell(this.#options, "lock_acquired", "Holds the lock file beside the socket now.");
  }

  /** Told once, and again only when something else is wrong: a look a second would fill the log. */
  #complain(error: unknown): void {
    const message = error instanceof KmsError ? error.message : "Cannot look after the socket: the system refused it.";
    if (message !== this.#complaint) tell(this.#options, "failed", message);
    this.#complaint = message;
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

function tell(options: SocketOptions, action: SocketEvent["action"], message: string): void {
  options.notify({ type: "socket", action, path: options.path, message });
}
