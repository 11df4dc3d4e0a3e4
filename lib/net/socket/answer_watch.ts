/**
 * Watches that a socket of ours is answered, by asking it as a client would: an accept loop can stop while the process
 * runs on and its HTTP pages say that all is well.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Event, Notify } from "../../telemetry/events.ts";
import { knock, type KnockAnswer } from "./knock.ts";

/** Milliseconds. */
export interface AnswerTimes {
  /** Between two questions while they are answered. */
  readonly everyMs: number;
  /** How long an answer may take. */
  readonly patienceMs: number;
  /** The silence after which the process counts as dead. */
  readonly deadMs: number;
}

/** A listener that stopped is bound anew within 5 seconds: one question and two that follow at once. */
export const answerTimes: AnswerTimes = { everyMs: 2_000, patienceMs: 1_000, deadMs: 30_000 };

/** Unanswered questions in a row that are no accident, for instance of a process that was stopped for a while. */
const maxUnanswered = 2;

const reasons = {
  silent: "a connection was made and nothing came back",
  refused: "no connection could be made",
  unable: "this process has no descriptor left; raise LimitNOFILE of the unit, or ulimit -n",
} as const satisfies Record<Exclude<KnockAnswer, "answered" | "closed">, string>;

/** Asks one socket again and again. */
export class AnswerWatch {
  readonly #path: string;
  readonly #times: AnswerTimes;
  readonly #notify: Notify;
  #answeredAt = systemClock.now();
  #askedAt = systemClock.now();
  #unanswered = 0;
  #reason = "";

  constructor(path: string, times: AnswerTimes, notify: Notify) {
    this.#path = path;
    this.#times = times;
    this.#notify = notify;
  }

  /**
   * Asks, if it is time to.
   *
   * @returns whether the socket has to be bound anew.
   */
  async isDead(signal: AbortSignal): Promise<boolean> {
    const now = systemClock.now();
    if (this.#unanswered === 0 && now - this.#askedAt < this.#times.everyMs) return false;
    this.#askedAt = now;
    const answer = await knock(this.#path, this.#times.patienceMs, signal);
    if (signal.aborted) return false;
    // A listener that ends a connection has accepted it: a new socket would only raise the number of connections.
    if (answer === "answered" || answer === "closed") return this.#answered();
    this.#unanswered++;
    if (this.#unanswered >= maxUnanswered) this.#complain(reasons[answer]);
    // Without descriptors a new socket would fare no better, and it would drop the clients that wait.
    return answer !== "unable" && this.#unanswered >= maxUnanswered;
  }

  /** A fresh socket is given time to answer. */
  forgive(): void {
    this.#unanswered = 0;
  }

  /** Why the process counts as dead, in one sentence; `""` while it does not. */
  complaint(): string {
    const ms = systemClock.now() - this.#answeredAt;
    if (ms < this.#times.deadMs || this.#reason === "") return "";
    return `The socket ${this.#path} has not answered for ${Math.round(ms / 1000)} seconds: ${this.#reason}.`;
  }

  #answered(): false {
    this.#answeredAt = systemClock.now();
    this.#unanswered = 0;
    if (this.#reason !== "") this.#tell("answering", "The socket answers again.");
    this.#reason = "";
    return false;
  }

  #complain(reason: string): void {
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.#tell("silent", `The socket does not answer: ${reason}.`);
  }

  #tell(action: Extract<Event, { type: "socket" }>["action"], message: string): void {
    this.#notify({ type: "socket", action, path: this.#path, message });
  }
}
