/**
 * Checks that one of our sockets answers, as a client would. An accept loop can stop while the process continues and
 * its HTTP pages report that it is healthy.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Event, Notify } from "../../telemetry/events.ts";
import { probeSocket, type SocketProbeResult, type SocketProtocol } from "./socket_probe.ts";

/** Milliseconds. */
export interface AnswerTimes {
  /** Interval of checks while they succeed. */
  readonly everyMs: number;
  /** Timeout of a check. */
  readonly patienceMs: number;
  /** Duration without a response after which the process counts as dead. */
  readonly deadMs: number;
}

/** A listener that has stopped is bound again within 5 seconds: one failed check, and another that follows at once. */
export const answerTimes: AnswerTimes = { everyMs: 2_000, patienceMs: 1_000, deadMs: 30_000 };

/**
 * Number of consecutive failed checks after which the socket is bound again. A single one can be an accident, for
 * instance after the process was suspended.
 */
const maxUnanswered = 2;

const reasons = {
  silent: "a connection was made and nothing came back",
  refused: "no connection could be made",
  unable: "this process has no descriptor left; raise LimitNOFILE of the unit, or ulimit -n",
} as const satisfies Record<Exclude<SocketProbeResult, "answered" | "closed">, string>;

/** Checks one socket regularly. */
export class AnswerWatch {
  readonly #path: string;
  readonly #times: AnswerTimes;
  readonly #notify: Notify;
  readonly #protocol: SocketProtocol;
  #answeredAt = systemClock.now();
  #checkedAt = systemClock.now();
  #unanswered = 0;
  #reason = "";

  constructor(path: string, times: AnswerTimes, notify: Notify, protocol: SocketProtocol = "http2") {
    this.#path = path;
    this.#times = times;
    this.#notify = notify;
    this.#protocol = protocol;
  }

  /**
   * Checks the socket, if a check is due.
   *
   * @returns whether the socket must be bound again.
   */
  async isDead(signal: AbortSignal): Promise<boolean> {
    const now = systemClock.now();
    if (this.#unanswered === 0 && now - this.#checkedAt < this.#times.everyMs) return false;
    this.#checkedAt = now;
    const answer = await probeSocket(this.#path, this.#times.patienceMs, signal, this.#protocol);
    if (signal.aborted) return false;
    // A server that closes a connection has accepted it. A new socket would only increase the number of connections.
    if (answer === "answered" || answer === "closed") return this.#answered();
    this.#unanswered++;
    if (this.#unanswered >= maxUnanswered) this.#complain(reasons[answer]);
    // Without file descriptors a new socket would fail as well, and the waiting clients would be dropped.
    return answer !== "unable" && this.#unanswered >= maxUnanswered;
  }

  /** Resets the count of failed checks after the socket was bound again. */
  reset(): void {
    this.#unanswered = 0;
  }

  /** The reason why the process counts as dead, in one sentence; `""` if it does not. */
  complaint(): string {
    const ms = systemClock.now() - this.#answeredAt;
    if (ms < this.#times.deadMs || this.#reason === "") return "";
    return `The socket ${this.#path} has not answered for ${Math.round(ms / 1000)} seconds: ${this.#reason}.`;
  }

  #answered(): false {
    this.#answeredAt = systemClock.now();
    this.#unanswered = 0;
    if (this.#reason !== "") this.#notifyAction("answering", "The socket answers again.");
    this.#reason = "";
    return false;
  }

  #complain(reason: string): void {
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.#notifyAction("silent", `The socket does not answer: ${reason}.`);
  }

  #notifyAction(action: Extract<Event, { type: "socket" }>["action"], message: string): void {
    this.#notify({ type: "socket", action, path: this.#path, message });
  }
}
