import assert from "node:assert/strict";
import { RawDouble } from "../../../tests/support/vault_double.ts";
import { HttpsEndpoint } from "./endpoint.ts";
import { lifetimeUntil, serverNow } from "./server_time.ts";

const hour = 3_600_000;
const at = Date.parse("2026-11-03T18:00:00Z");
const date = new Date(at).toUTCString();

Deno.test("lifetimeUntil() uses the server's clock, not that of this machine", () => {
  assert.equal(lifetimeUntil(at + hour, date, 12 * hour), hour - 999, "Date has whole seconds");
});

Deno.test("lifetimeUntil() is positive and limited, whichever clock is wrong", () => {
  for (const wrong of [-3 * hour, 3 * hour, -40 * 365 * 24 * hour, 40 * 365 * 24 * hour]) {
    const lifetime = lifetimeUntil(Date.now() + wrong + hour, undefined, 12 * hour);
    assert.ok(lifetime >= 60_000 && lifetime <= 12 * hour, `${lifetime}`);
  }
  assert.equal(lifetimeUntil(at - hour, date, 12 * hour), 60_000, "its server says whether it has expired");
  assert.equal(lifetimeUntil(at + 24 * hour, date, hour), hour, "no longer than was asked for");
});

Deno.test("serverNow() is the time of this machine if the server's Date is missing or malformed", () => {
  for (const none of [undefined, "", "yesterday"]) assert.ok(Math.abs(serverNow(none) - Date.now()) < 5_000);
});

Deno.test("a Retry-After with a date is relative to the Date of the same response", async () => {
  const head =
    "HTTP/1.1 503 Busy\r\nDate: Tue, 03 Nov 2026 18:00:00 GMT\r\nRetry-After: Tue, 03 Nov 2026 18:00:30 GMT\r\n";
  await using double = new RawDouble(`${head}Content-Length: 0\r\n\r\n`);
  const noTls = { ca: undefined, certificate: undefined, key: undefined, serverName: undefined };
  using endpoint = new HttpsEndpoint("the double", double.address, noTls);
  const call = { signal: AbortSignal.timeout(10_000), action: "ask" };
  assert.equal((await endpoint.ask({ method: "GET", path: "/", headers: {} }, call)).retryAfterMs, 30_000);
});
