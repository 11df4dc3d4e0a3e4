import { deepEqual } from "node:assert/strict";
import { type ErrorCode, KmsError } from "../base/errors.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { HealthBoard } from "./health.ts";
import { QuorumWatch } from "./quorum_watch.ts";

const names = ["a", "b", "c"];

function setUp(needed: number) {
  const clock = new FakeClock();
  const of = (name: string) => ({ name, kind: "local", probed: name !== "retired" });
  const board = new HealthBoard([...names, "retired"].map(of), () => clock.now(), () => {});
  const watch = new QuorumWatch(board, names, needed, clock);
  board.onChange(() => watch.update());
  const well = (...names: readonly string[]) => names.forEach((name) => board.succeeded(name, "probe"));
  const fail = (code: ErrorCode, ...names: readonly string[]) =>
    names.forEach((name) => board.failed(name, "probe", new KmsError(code, `${name} is ${code}.`)));
  return { clock, board, watch, well, fail };
}

Deno.test("QuorumWatch counts as lost from the start until enough providers are well", async () => {
  const { clock, watch, well } = setUp(2);
  clock.setWall(5_000);
  const since = clock.wall();
  await clock.advance(300);
  deepEqual(watch.state(), {
    state: "lost",
    since,
    forMs: 300,
    refused: false,
    message: "not asked yet not asked yet not asked yet",
  });
  well("a", "retired");
  deepEqual(watch.state(), {
    state: "lost",
    since,
    forMs: 300,
    refused: false,
    message: "not asked yet not asked yet",
  });
  well("c");
  deepEqual(watch.state(), { state: "held" });
});

Deno.test("QuorumWatch says since when too few are well, whoever fails or recovers meanwhile", async () => {
  const { clock, watch, well, fail } = setUp(2);
  well("a", "b", "c");
  fail("unreachable", "a");
  deepEqual(watch.state(), { state: "held" });
  await clock.advance(1_000);
  const since = clock.wall();
  fail("unreachable", "b");
  await clock.advance(700);
  fail("unreachable", "c");
  well("b");
  await clock.advance(1);
  deepEqual(watch.state(), {
    state: "lost",
    since,
    forMs: 701,
    refused: false,
    message: "a is unreachable. c is unreachable.",
  });
  well("a");
  deepEqual(watch.state(), { state: "held" });
  fail("unreachable", "b");
  const state = watch.state();
  deepEqual(state.state === "lost" && [state.since, state.forMs], [clock.wall(), 0]);
});

Deno.test("QuorumWatch tells a refusal where those that do not refuse are too few", () => {
  const { watch, well, fail } = setUp(2);
  const refused = () => {
    const state = watch.state();
    return state.state === "lost" && state.refused;
  };
  well("a", "b", "c");
  fail("permission_denied", "a");
  fail("unreachable", "b");
  deepEqual(refused(), false, "b may come back");
  fail("permission_denied", "b");
  deepEqual(refused(), true);
  well("a");
  deepEqual(watch.state(), { state: "held" });
});
