import { deepEqual, equal, ok } from "node:assert/strict";
import { turnLimits, Turns, type TurnTask } from "./turns.ts";

/** Turns on a clock of the test, which advances only by the cost of work. */
class Bench {
  readonly order: string[] = [];
  passes = 0;
  #now = 0;
  #work: (() => void)[] = [];
  readonly turns = new Turns({ soon: (work) => this.#work.push(work), now: () => this.#now });

  /** A task with a number of pieces of work, each with a cost in milliseconds. */
  worker(name: string, pieces: number, costMs: number): TurnTask & { pieces: number } {
    const worker = {
      pieces,
      turn: (isOver: () => boolean) => {
        while (worker.pieces > 0) {
          worker.pieces--;
          this.#now += costMs;
          this.order.push(name);
          if (isOver()) break;
        }
        return worker.pieces > 0;
      },
    };
    return worker;
  }

  /** One pass of the event loop. @returns whether it ran anything. */
  pass(): boolean {
    this.passes++;
    const work = this.#work.splice(0);
    for (const one of work) one();
    return work.length > 0;
  }

  rest(ms: number): void {
    while (this.pass());
    this.#now += ms;
    this.passes = 0;
  }
}

Deno.test("Turns.ask() starts a turn at once if no other waits, and one per pass of the event loop", () => {
  const bench = new Bench();
  bench.turns.ask(bench.worker("a", 1, 0.1));
  deepEqual(bench.order, ["a"]);
  const [b, c] = [bench.worker("b", 1, 0.1), bench.worker("c", 1, 0.1)];
  bench.turns.ask(b);
  bench.turns.ask(c);
  bench.turns.ask(b);
  ok(bench.turns.waits(b) && bench.order.length === 1);
  bench.pass();
  deepEqual(bench.order, ["a", "b", "c"]);
  ok(!bench.turns.waits(b));
});

Deno.test("Turns gives each queued task a turn, new requests before tasks with work left", () => {
  const bench = new Bench();
  const half = turnLimits.turnMs / 2;
  bench.turns.ask(bench.worker("a", 8, half));
  for (const [name, pieces] of [["b", 4], ["c", 1]] as const) bench.turns.ask(bench.worker(name, pieces, half));
  while (bench.pass());
  equal(bench.order.join(""), "aa" + "bbc" + "aa" + "bb" + "aaaa");
});

Deno.test("Turns has the sockets polled after at most a round, however much work waits", () => {
  const bench = new Bench();
  const cost = turnLimits.turnMs / 4;
  const [busy, other] = [bench.worker("a", 1000, cost), bench.worker("b", 1, cost)];
  bench.turns.ask(busy);
  let turns = 0;
  let passes = 0;
  // The runtime polls its sockets in each 61st pass, and only then sees the other connection.
  while (bench.pass()) if (++passes % 61 === 0 && ++turns === 3) bench.turns.ask(other);
  const before = bench.order.indexOf("b") * cost;
  ok(before > 0 && before <= 4 * turnLimits.roundMs, `${before} ms of others' work came first`);
});

Deno.test("Turns gives the only task long turns with polls in between, until another task enters", () => {
  const bench = new Bench();
  const cost = turnLimits.turnMs / 4;
  const perTurn = (limit: number) => limit / cost;
  const only = bench.worker("a", 1000, cost);
  bench.turns.enter(only);
  bench.turns.ask(only);
  equal(bench.order.length, perTurn(turnLimits.onlyMs));
  const before = bench.passes;
  while (bench.order.length < 2 * perTurn(turnLimits.onlyMs)) bench.pass();
  ok(bench.passes - before > 61, "the sockets were polled between two turns");
  const other = bench.worker("b", 1, cost);
  bench.turns.enter(other);
  bench.turns.ask(other);
  const begun = bench.order.length;
  while (!bench.order.includes("b")) bench.pass();
  ok(bench.order.indexOf("b") - begun <= perTurn(turnLimits.turnMs));
  bench.turns.leave(other);
  const left = bench.order.length;
  while (bench.order.length === left) bench.pass();
  equal(bench.order.length - left, perTurn(turnLimits.onlyMs));
});

Deno.test("Turns costs an idle process one pass a turn", () => {
  const bench = new Bench();
  for (let at = 0; at < 5; at++) {
    bench.turns.ask(bench.worker("a", 1, 0.1));
    bench.pass();
    equal(bench.pass(), false);
    bench.rest(2);
  }
});

Deno.test("Turns needs no pass for the only task, and has the sockets polled after many of its turns", () => {
  const bench = new Bench();
  const only = bench.worker("a", 0, 0.1);
  bench.turns.enter(only);
  const ask = () => {
    only.pieces = 1;
    bench.turns.ask(only);
  };
  for (let turns = 1; turns * 0.1 < turnLimits.onlyMs; turns++) {
    ask();
    equal(bench.order.length, turns);
    equal(bench.pass(), false);
  }
  while (!bench.turns.waits(only)) ask();
  const before = bench.passes;
  while (bench.turns.waits(only)) bench.pass();
  ok(bench.passes - before > 61);
});

Deno.test("Turns.leave() removes a task without losing other turns", () => {
  const bench = new Bench();
  const [a, b, c] = [bench.worker("a", 9, 1), bench.worker("b", 1, 1), bench.worker("c", 1, 1)];
  for (const one of [a, b, c]) bench.turns.ask(one);
  bench.turns.leave(b);
  bench.turns.leave(a);
  while (bench.pass());
  deepEqual(bench.order, ["a", "c"]);
});
