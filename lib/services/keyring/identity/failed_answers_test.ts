import { deepEqual, equal, rejects } from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { failedAnswerLimits, FailedAnswers } from "./failed_answers.ts";

const never = new AbortController().signal;
const wrong = () => Promise.reject(new KeyringError("unauthenticated", "wrong"));

Deno.test("FailedAnswers.delayFailure() answers right credentials and other failures at once", async () => {
  const failed = new FailedAnswers(new FakeClock());
  equal(await failed.delayFailure(() => Promise.resolve("right"), never), "right");
  const unavailable = () => Promise.reject(new KeyringError("store_unavailable", "away"));
  await rejects(failed.delayFailure(unavailable, never), { code: "store_unavailable" });
});

Deno.test("FailedAnswers.delayFailure() holds wrong credentials for 1 to 2 seconds, and right ones not", async () => {
  const clock = new FakeClock();
  const failed = new FailedAnswers(clock);
  let answered = 0;
  const many = Array.from({ length: 20 }, () => failed.delayFailure(wrong, never).catch(() => answered++));
  await clock.advance(999);
  equal(answered, 0);
  equal(failed.held, 20);
  equal(await failed.delayFailure(() => Promise.resolve("right"), never), "right");
  await clock.advance(1_002);
  equal(answered, 20);
  await Promise.all(many);
  equal(failed.held, 0);
});

Deno.test("FailedAnswers.delayFailure() holds 64 answers, refuses the next ones with 429, and takes right ones", async () => {
  const clock = new FakeClock();
  const failed = new FailedAnswers(clock);
  const codes: string[] = [];
  const send = () => failed.delayFailure(wrong, never).catch((thrown: KeyringError) => codes.push(thrown.code));
  const all = Array.from({ length: failedAnswerLimits.held + 3 }, send);
  await clock.settle();
  deepEqual(codes, ["rate_limited", "rate_limited", "rate_limited"]);
  equal(await failed.delayFailure(() => Promise.resolve("right"), never), "right");
  await clock.advance(2_000);
  await Promise.all(all);
  equal(codes.filter((code) => code === "unauthenticated").length, 64);
  const again = send();
  await clock.advance(2_000);
  await again;
  equal(codes.at(-1), "unauthenticated", "places are free again");
});

Deno.test("FailedAnswers.delayFailure() frees the place of a caller that gives up", async () => {
  const failed = new FailedAnswers(new FakeClock());
  const gone = new AbortController();
  const work = failed.delayFailure(wrong, gone.signal).catch(() => "failed");
  await new FakeClock().settle();
  equal(failed.held, 1);
  gone.abort();
  equal(await work, "failed");
  equal(failed.held, 0);
});
