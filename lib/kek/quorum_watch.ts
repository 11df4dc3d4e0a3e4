/**
 * Watches whether enough providers are healthy to wrap a data key, and since when they are not.
 *
 * @module
 */
import { type Times, WallTimes } from "../base/clock.ts";
import type { QuorumState } from "./status.ts";
import type { HealthBoard } from "./health.ts";

const held: QuorumState = { state: "held" };

/** The quorum of some providers of a board. It counts as lost until enough of them have answered. */
export class QuorumWatch {
  readonly #board: HealthBoard;
  readonly #names: readonly string[];
  readonly #needed: number;
  readonly #clock: Times;
  readonly #times: WallTimes;
  #lostAt: number | undefined;

  /**
   * @param names the providers that count.
   * @param needed number of them that have to be healthy; with 0 the quorum is always held.
   */
  constructor(board: HealthBoard, names: readonly string[], needed: number, clock: Times) {
    this.#board = board;
    this.#names = names;
    this.#needed = needed;
    this.#clock = clock;
    this.#times = new WallTimes(clock);
    this.#lostAt = needed === 0 ? undefined : clock.now();
  }

  /** Must be called after each change of a provider's state. */
  update(): void {
    const isHeld = this.#names.length - this.#unwell().length >= this.#needed;
    this.#lostAt = isHeld ? undefined : this.#lostAt ?? this.#clock.now();
  }

  /** The quorum now. */
  state(): QuorumState {
    if (this.#lostAt === undefined) return held;
    const unwell = this.#unwell();
    const refusing = unwell.filter(({ state }) => state === "refusing").length;
    const message = unwell.map((health) => health.message).join(" ");
    const refused = this.#names.length - refusing < this.#needed;
    const [since, forMs] = [this.#times.of(this.#lostAt), this.#clock.now() - this.#lostAt];
    return { state: "lost", since, forMs, refused, message };
  }

  #unwell() {
    return this.#names.map((name) => this.#board.of(name)).filter(({ state }) => state !== "well");
  }
}
