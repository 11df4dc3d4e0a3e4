/**
 * Whether enough providers are well to wrap a data key, and since when they are not.
 *
 * @module
 */
import { type Times, WallTimes } from "../base/clock.ts";
import type { QuorumState } from "./status.ts";
import type { HealthBoard } from "./health.ts";

/** Watches a board; it counts as lost from the start until enough providers have answered. */
export class QuorumWatch {
  readonly #board: HealthBoard;
  readonly #names: readonly string[];
  readonly #needed: number;
  readonly #clock: Times;
  readonly #times: WallTimes;
  #lostAt: number | undefined;

  constructor(board: HealthBoard, names: readonly string[], needed: number, clock: Times) {
    this.#board = board;
    this.#names = names;
    this.#needed = needed;
    this.#clock = clock;
    this.#times = new WallTimes(clock);
    this.#lostAt = clock.now();
    board.onChange(() => {
      this.#lostAt = this.#unwell().length <= names.length - needed ? undefined : this.#lostAt ?? clock.now();
    });
  }

  /** The quorum now. Refusal is not an outage: it is told apart where what does not refuse is too little. */
  state(): QuorumState {
    if (this.#lostAt === undefined) return { state: "held" };
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
