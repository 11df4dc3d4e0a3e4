import { deepEqual, equal, ok } from "node:assert/strict";
import * as fc from "fast-check";
import { utf8 } from "../base/bytes.ts";
import { type ErrorCode, errorCodes, KmsError } from "../base/errors.ts";
import { DecryptBoard, refusalCode } from "./decrypt_board.ts";

/** Five minutes, in milliseconds; and how many envelopes are remembered. */
const [window, remembered] = [300_000, 1_024];
const envelope = (name: number | string) => utf8(`envelope ${name}`);
const error = (code: ErrorCode, message = `It is ${code}.`) => new KmsError(code, message);

class Stage {
  now = 1_000_000;
  readonly told: string[] = [];
  readonly board: DecryptBoard;

  constructor(canFail = true) {
    this.board = new DecryptBoard({
      now: () => this.now,
      canFail,
      onFailing: (message) => void this.told.push(message),
    });
  }

  refuse(...names: readonly (number | string)[]): void {
    for (const name of names) this.board.failed(envelope(name), error("integrity"));
  }

  get failing(): boolean {
    return this.board.status().failing;
  }
}

Deno.test("DecryptBoard fails at three different envelopes, and never for fewer, however often they are read", () => {
  const stage = new Stage();
  for (let i = 0; i < 100; i++) stage.refuse("one");
  deepEqual([stage.failing, stage.board.status().refused.map(({ envelopes }) => envelopes)], [false, [1]]);
  for (let i = 0; i < 100; i++) stage.refuse("one", "two");
  equal(stage.failing, false);
  stage.refuse("three");
  equal(stage.failing, true);
  deepEqual(stage.told, ["It is integrity."]);
  stage.refuse("four");
  equal(stage.told.length, 1, "said once");
});

Deno.test("DecryptBoard does not fail within five minutes of a Decrypt that succeeded, and recovers with one", () => {
  const stage = new Stage();
  stage.board.opened();
  stage.refuse(1, 2, 3);
  equal(stage.failing, false);
  stage.now += window - 1;
  stage.refuse(1, 2, 3);
  equal(stage.failing, false);
  stage.now += 1;
  equal(stage.failing, true);
  stage.board.opened();
  equal(stage.failing, false);
  equal(stage.board.status().lastOpenedAt, stage.now);
});

Deno.test("DecryptBoard forgets what left its window, and says since when there are refusals", () => {
  const stage = new Stage();
  const began = stage.now;
  stage.refuse(1, 2);
  stage.now += window - 1;
  stage.refuse(3);
  equal(stage.failing, true);
  stage.now += 1;
  equal(stage.failing, false, "two have left");
  deepEqual(stage.board.status().refused, [
    { code: "integrity", message: "It is integrity.", envelopes: 1, since: began, lastAt: began + window - 1 },
  ]);
  stage.now += window;
  deepEqual(stage.board.status().refused, []);
  stage.refuse(4);
  equal(stage.board.status().refused[0]?.since, stage.now);
  stage.refuse(5, 6);
  equal(stage.told.length, 2, "said again, since it had recovered");
});

Deno.test("DecryptBoard keeps the newest sentence of each code, and counts an envelope under its newest one", () => {
  const stage = new Stage();
  stage.refuse(1, 2);
  stage.board.failed(envelope(3), error("key_unknown", "First."));
  stage.board.failed(envelope(2), error("key_unknown", "Then."));
  const found = stage.board.status().refused.map(({ code, envelopes, message }) => [code, envelopes, message]);
  deepEqual(found, [["key_unknown", 2, "Then."], ["integrity", 1, "It is integrity."]]);
});

Deno.test("DecryptBoard remembers so many envelopes and no more", () => {
  const stage = new Stage();
  for (let i = 0; i < 3 * remembered; i++) stage.refuse(i);
  deepEqual(stage.board.status().refused.map(({ envelopes }) => envelopes), [remembered]);
});

Deno.test("DecryptBoard of a key service counts and never fails", () => {
  const stage = new Stage(false);
  stage.refuse(...Array.from({ length: 50 }, (_, index) => index));
  deepEqual([stage.failing, stage.told], [false, []]);
  equal(stage.board.status().refused[0]?.envelopes, 50);
});

Deno.test("refusalCode() counts every code but those of an outage", () => {
  const outages = ["unreachable", "deadline_exceeded", "throttled", "cancelled"];
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    if (code === "quorum_not_reached") continue;
    equal(refusalCode(error(code)), outages.includes(code) ? undefined : code);
  }
});

Deno.test("refusalCode() of several providers is an outage while one of them may still open it", () => {
  const quorum = (...codes: ErrorCode[]) => {
    return refusalCode(new KmsError("quorum_not_reached", "No.", { members: codes.map((code) => error(code)) }));
  };
  equal(quorum("integrity", "integrity"), "integrity");
  equal(quorum("integrity", "key_unknown"), "quorum_not_reached");
  equal(quorum("integrity", "unreachable"), undefined);
  equal(quorum("throttled", "unreachable"), undefined);
  equal(quorum(), undefined);
});

Deno.test("DecryptBoard counts what a list of all refusals would, whatever comes when", () => {
  const step = fc.record({
    wait: fc.nat(window),
    act: fc.oneof(fc.nat(5), fc.constant("opened" as const)),
    code: fc.constantFrom<ErrorCode>("integrity", "key_unknown", "unreachable"),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const stage = new Stage();
    const newest = new Map<number, { code: ErrorCode; at: number }>();
    let openedAt = -Infinity;
    for (const { wait, act, code } of steps) {
      stage.now += wait;
      if (act === "opened") {
        stage.board.opened();
        openedAt = stage.now;
      } else {
        stage.board.failed(envelope(act), error(code));
        if (code !== "unreachable") newest.set(act, { code, at: stage.now });
      }
      const within = [...newest.values()].filter(({ at }) => stage.now - at < window);
      const { refused, failing } = stage.board.status();
      for (const code of ["integrity", "key_unknown"] as const) {
        const envelopes = refused.find((one) => one.code === code)?.envelopes ?? 0;
        equal(envelopes, within.filter((one) => one.code === code).length);
      }
      equal(failing, within.length >= 3 && stage.now - openedAt >= window);
      ok(refused.every(({ since, lastAt }) => since <= lastAt && stage.now - lastAt < window));
    }
  }));
});

Deno.test("DecryptBoard says what its window is, and nothing else where nothing was refused", () => {
  const stage = new Stage();
  deepEqual(stage.board.status(), { windowMs: window, refused: [], lastOpenedAt: undefined, failing: false });
  stage.board.opened();
  stage.now += 1;
  deepEqual(stage.board.status(), { windowMs: window, refused: [], lastOpenedAt: stage.now - 1, failing: false });
  stage.refuse("one");
  equal(stage.board.status().windowMs, window);
});

Deno.test("DecryptBoard does not count what left its window before the next refusal", () => {
  const stage = new Stage();
  stage.refuse(1, 2);
  stage.now += window;
  stage.refuse(3);
  deepEqual(stage.told, []);
  const now = stage.now;
  deepEqual(stage.board.status().refused, [
    { code: "integrity", message: "It is integrity.", envelopes: 1, since: now, lastAt: now },
  ]);
});
