import { equal, ok } from "node:assert/strict";
import { ApiServerDouble, statusAnswer } from "../../../tests/support/api_server_double.ts";
import { systemClock } from "../../base/clock.ts";
import { ApiServerClient } from "../apiserver/api_server_client.ts";
import { askPatiently, patience } from "./patient_requests.ts";

Deno.test("askPatiently() waits at least as long as it is told, and not all requests for the same time", async () => {
  await using double = await ApiServerDouble.open();
  double.fault = () => statusAnswer(429, "too many requests", { "retry-after": "2" });
  using client = await ApiServerClient.open(double.access, "rewrite");
  const pauses: number[] = [];
  const clock = { ...systemClock, sleep: (ms: number) => Promise.resolve(void pauses.push(ms)) };
  const call = { client, clock, signal: new AbortController().signal, action: "test" };
  const request = { method: "GET", path: "/api/v1/secrets" } as const;
  for (let count = 0; count < 3; count++) equal((await askPatiently(call, request)).status, 429);
  equal(pauses.length, 3 * (patience.away - 1));
  // The backoff is longer than what is asked for from the fourth attempt on.
  const asked = pauses.filter((_, at) => at % (patience.away - 1) < 3);
  ok(asked.every((ms) => ms >= 2_000 && ms <= 4_000), `${asked}`);
  ok(Math.max(...asked) - Math.min(...asked) > 200, `${asked}`);
  ok(pauses.every((ms) => ms >= 2_000 && ms <= 1.2 * patience.maxPause), `${pauses}`);
});
