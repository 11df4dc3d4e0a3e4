import { deepEqual, doesNotThrow, equal, throws } from "node:assert/strict";
import { type ErrorCode, KmsError } from "../base/errors.ts";
import type { Event, ProviderVerb } from "../telemetry/events.ts";
import { HealthBoard } from "./health.ts";

const a = { name: "a", kind: "aws-kms", probed: true };
const b = { name: "b", kind: "local", probed: true };
const unprobed = { name: "c", kind: "local", probed: false };

class Stage {
  now = 1_000;
  readonly events: Event[] = [];
  readonly changes: string[] = [];
  readonly board = new HealthBoard([a, b, unprobed], () => this.now, (event) => void this.events.push(event));

  constructor() {
    this.board.onChange((name) => void this.changes.push(name));
  }

  fail(name: string, verb: ProviderVerb, code: ErrorCode, message = `It is ${code}.`): void {
    this.board.failed(name, verb, new KmsError(code, message));
  }

  /** State, code and message of a provider. */
  of(name: string): readonly string[] {
    const { state, code, message } = this.board.of(name);
    return [state, code, message];
  }
}

Deno.test("HealthBoard knows nothing of a provider until it has answered", () => {
  const { board } = new Stage();
  const unknown = { state: "unknown", since: 1_000, code: "ok", message: "not asked yet", lastGoodAt: undefined };
  for (const { name } of [a, b, unprobed]) deepEqual(board.of(name), unknown);
  throws(() => board.of("d"), { name: "RangeError", message: "no provider d" });
});

Deno.test("HealthBoard takes no note of a provider that it does not have", () => {
  const stage = new Stage();
  doesNotThrow(() => stage.board.succeeded("d", "probe"));
  doesNotThrow(() => stage.fail("d", "probe", "unreachable"));
  deepEqual([stage.events, stage.changes], [[], []]);
});

Deno.test("HealthBoard tells a change of state once, and since when it is so", () => {
  const stage = new Stage();
  stage.now = 2_000;
  stage.board.succeeded("a", "probe");
  deepEqual(stage.board.of("a"), { state: "well", since: 2_000, code: "ok", message: "", lastGoodAt: 2_000 });
  stage.now = 3_000;
  stage.board.succeeded("a", "wrap");
  deepEqual(stage.board.of("a"), { state: "well", since: 2_000, code: "ok", message: "", lastGoodAt: 3_000 });
  stage.now = 4_000;
  stage.fail("a", "probe", "unreachable", "No route.");
  stage.now = 5_000;
  stage.fail("a", "probe", "deadline_exceeded", "No answer.");
  deepEqual(stage.board.of("a"), {
    state: "sick",
    since: 4_000,
    code: "deadline_exceeded",
    message: "No answer.",
    lastGoodAt: 3_000,
  });
  const change = { type: "provider_health", provider: "a", kind: "aws-kms" };
  deepEqual(stage.events, [
    { ...change, from: "unknown", to: "well", result: "ok", message: "" },
    { ...change, from: "well", to: "sick", result: "unreachable", message: "No route." },
  ]);
  deepEqual(stage.changes, ["a", "a"]);
  deepEqual(stage.of("b"), ["unknown", "ok", "not asked yet"]);
});

Deno.test("HealthBoard tells refusals from outages", () => {
  const stage = new Stage();
  stage.fail("a", "probe", "permission_denied");
  stage.fail("b", "wrap", "unreachable");
  deepEqual([stage.of("a")[0], stage.of("b")[0]], ["refusing", "sick"]);
  stage.fail("a", "probe", "unreachable");
  deepEqual(stage.of("a")[0], "sick");
});

Deno.test("HealthBoard keeps a failed wrap until a wrap succeeds", () => {
  const stage = new Stage();
  stage.fail("a", "wrap", "permission_denied", "May not encrypt.");
  for (const verb of ["probe", "unwrap"] as const) stage.board.succeeded("a", verb);
  deepEqual(stage.of("a"), ["refusing", "permission_denied", "May not encrypt."]);
  stage.board.succeeded("a", "wrap");
  deepEqual(stage.of("a"), ["well", "ok", ""]);
});

Deno.test("HealthBoard forgets a failed probe or unwrap with the next good probe or wrap", () => {
  for (const failed of ["probe", "unwrap"] as const) {
    for (const verb of ["probe", "wrap"] as const) {
      const stage = new Stage();
      stage.fail("a", failed, "unreachable");
      stage.board.succeeded("a", "unwrap");
      equal(stage.of("a")[0], "sick");
      stage.board.succeeded("a", verb);
      deepEqual(stage.of("a"), ["well", "ok", ""]);
    }
  }
});

Deno.test("HealthBoard says why the last probe failed before why the last wrap did", () => {
  const stage = new Stage();
  stage.fail("a", "wrap", "permission_denied", "May not encrypt.");
  stage.fail("a", "probe", "unreachable", "No route.");
  deepEqual(stage.of("a"), ["sick", "unreachable", "No route."]);
  stage.board.succeeded("a", "probe");
  deepEqual(stage.of("a"), ["refusing", "permission_denied", "May not encrypt."]);
});

Deno.test("HealthBoard does not take a good unwrap for health, except of a provider that is not probed", () => {
  const stage = new Stage();
  stage.now = 2_000;
  for (const name of ["a", "c"]) stage.board.succeeded(name, "unwrap");
  const { state, since, lastGoodAt } = stage.board.of("a");
  deepEqual([state, since, lastGoodAt], ["unknown", 1_000, 2_000]);
  deepEqual(stage.of("c"), ["well", "ok", ""]);
  stage.fail("c", "unwrap", "unreachable");
  equal(stage.of("c")[0], "sick");
  stage.board.succeeded("c", "unwrap");
  equal(stage.of("c")[0], "well");
});

Deno.test("HealthBoard takes a refused unwrap for the data's fault, and a refused probe or wrap for the provider's", () => {
  for (const code of ["key_unknown", "key_unusable", "permission_denied"] as const) {
    const stage = new Stage();
    stage.board.succeeded("a", "probe");
    stage.fail("a", "unwrap", code);
    deepEqual(stage.of("a"), ["well", "ok", ""]);
    for (const verb of ["probe", "wrap"] as const) {
      stage.fail("a", verb, code);
      deepEqual(stage.of("a"), ["refusing", code, `It is ${code}.`]);
      stage.board.succeeded("a", "wrap");
    }
  }
});

Deno.test("HealthBoard takes no provider for sick that is only busy, and keeps the reason until its first good answer", () => {
  const stage = new Stage();
  stage.fail("a", "probe", "throttled", "Too many requests.");
  deepEqual(stage.of("a"), ["unknown", "ok", "Too many requests."]);
  stage.board.succeeded("a", "probe");
  stage.fail("a", "probe", "throttled", "Too many requests.");
  deepEqual(stage.of("a"), ["well", "ok", ""]);
});

Deno.test("HealthBoard ends no failure by a success of a call that began before it", () => {
  const stage = new Stage();
  stage.board.succeeded("a", "probe");
  const begunAt = stage.now;
  stage.now += 10;
  stage.fail("a", "unwrap", "key_unknown");
  stage.fail("a", "probe", "key_unknown");
  stage.now += 10;
  stage.board.succeeded("a", "probe", begunAt);
  deepEqual([stage.of("a")[0], stage.board.of("a").lastGoodAt], ["refusing", stage.now]);
  stage.board.succeeded("a", "probe", stage.now);
  equal(stage.of("a")[0], "well");
});

Deno.test("HealthBoard ends an outage of a provider that is not probed when its KMS was reached, and counts no success", () => {
  const stage = new Stage();
  for (const name of ["a", "c"]) stage.fail(name, "unwrap", "unreachable");
  stage.now += 10;
  for (const name of ["a", "c"]) stage.board.reached(name, stage.now - 11);
  deepEqual([stage.of("a")[0], stage.of("c")[0]], ["sick", "sick"], "the call began before the failure");
  // A call of the same millisecond is not from before the failure.
  for (const name of ["a", "c", "d"]) stage.board.reached(name, stage.now - 10);
  deepEqual([stage.of("a")[0], stage.of("c")[0]], ["sick", "well"]);
  equal(stage.board.of("c").lastGoodAt, undefined);
});
