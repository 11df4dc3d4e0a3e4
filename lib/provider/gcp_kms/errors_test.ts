import assert from "node:assert/strict";
import { detail } from "../../../tests/support/gcp_keys.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { refusal, unwrapRefusal } from "./errors.ts";

function answer(status: number, error?: unknown, retryAfterMs?: number): HttpAnswer {
  return {
    status,
    body: error === undefined ? undefined : { error },
    bytes: new Uint8Array(),
    retryAfterMs,
    headers: {},
  };
}

const because = (status: string, reason: string) => ({
  status,
  message: "a text",
  details: [detail("Help", {}), detail("ErrorInfo", { reason, domain: "googleapis.com" })],
});
const violation = (type: string) => ({
  status: "FAILED_PRECONDITION",
  message: "a text",
  details: [detail("PreconditionFailure", { violations: [{ type, subject: "projects/…" }] })],
});

const meanings: readonly (readonly [status: number, error: unknown, code: string])[] = [
  [400, violation("KEY_DISABLED"), "key_unusable"],
  [400, violation("KEY_DESTROY_SCHEDULED"), "key_unusable"],
  [400, violation("KEY_DESTROYED"), "key_unusable"],
  [400, violation("KEY_PENDING_GENERATION"), "unreachable"],
  [400, violation("SOMETHING_NEW"), "key_unusable"],
  [400, { status: "FAILED_PRECONDITION" }, "key_unusable"],
  [400, { status: "INVALID_ARGUMENT" }, "key_unusable"],
  [400, undefined, "provider_protocol"],
  [401, { status: "UNAUTHENTICATED" }, "unauthenticated"],
  [401, because("UNAUTHENTICATED", "ACCOUNT_STATE_INVALID"), "unauthenticated"],
  [401, because("UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"), "unauthenticated"],
  [401, undefined, "unauthenticated"],
  [403, { status: "PERMISSION_DENIED" }, "permission_denied"],
  [403, because("PERMISSION_DENIED", "IAM_PERMISSION_DENIED"), "permission_denied"],
  [403, because("PERMISSION_DENIED", "SERVICE_DISABLED"), "permission_denied"],
  [403, because("PERMISSION_DENIED", "BILLING_DISABLED"), "permission_denied"],
  [403, because("PERMISSION_DENIED", "USER_PROJECT_DENIED"), "permission_denied"],
  [403, because("PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "permission_denied"],
  [403, because("PERMISSION_DENIED", "SECURITY_POLICY_VIOLATED"), "permission_denied"],
  [403, because("PERMISSION_DENIED", "constructor"), "permission_denied"],
  [403, undefined, "permission_denied"],
  [404, { status: "NOT_FOUND" }, "key_unknown"],
  [404, undefined, "provider_protocol"],
  [408, undefined, "unreachable"],
  [429, { status: "RESOURCE_EXHAUSTED" }, "throttled"],
  [403, because("PERMISSION_DENIED", "RATE_LIMIT_EXCEEDED"), "throttled"],
  [429, undefined, "throttled"],
  [499, { status: "CANCELLED" }, "unreachable"],
  [409, { status: "ABORTED" }, "unreachable"],
  [500, { status: "INTERNAL" }, "unreachable"],
  [500, { status: "hasOwnProperty" }, "unreachable"],
  [503, { status: "UNAVAILABLE" }, "unreachable"],
  [504, { status: "DEADLINE_EXCEEDED" }, "unreachable"],
  [599, { status: 7, details: "none" }, "unreachable"],
  [302, undefined, "provider_protocol"],
  [418, { status: "TEAPOT", details: [null, 7] }, "provider_protocol"],
  [200, { status: "NOT_FOUND" }, "provider_protocol"],
];

for (const [status, error, code] of meanings) {
  Deno.test(`refusal() maps ${status} ${JSON.stringify(error) ?? "without a body"} to ${code}`, () => {
    const { code: found, message } = refusal(answer(status, error), 'wrap with provider "gcp"');
    assert.equal(found, code);
    const form = `^Cannot wrap with provider "gcp": Cloud KMS answered ${status} \\([a-zA-Z_.;, -]+\\)\\.$`;
    assert.match(message, new RegExp(form));
    assert.ok(!message.includes("a text"));
  });
}

Deno.test("refusal() names the remedy for an API, a scope and a quota project", () => {
  const said = (reason: string) => refusal(answer(403, because("PERMISSION_DENIED", reason)), "wrap").message;
  assert.match(said("SERVICE_DISABLED"), /the API is not enabled in the project/);
  assert.match(said("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), /access scopes/);
  assert.match(said("USER_PROJECT_DENIED"), /serviceusage\.services\.use/);
  assert.match(refusal(answer(400, violation("KEY_DISABLED")), "wrap").message, /the key version is disabled/);
});

Deno.test("refusal() takes the pause from the header, otherwise from the RetryInfo, at most an hour", () => {
  const busy = (retryDelay: unknown) => ({
    status: "RESOURCE_EXHAUSTED",
    details: [detail("RetryInfo", { retryDelay })],
  });
  const waits = (error: unknown, header?: number) => refusal(answer(429, error, header), "wrap").retryAfterMs;
  assert.equal(waits(busy("1.5s")), 1500);
  assert.equal(waits(busy("1.5s"), 7000), 7000);
  assert.equal(waits(busy("99999s")), 3_600_000);
  for (const delay of ["", "-1s", "1", "1.s", 5, null]) assert.equal(waits(busy(delay)), undefined);
});

Deno.test("unwrapRefusal() maps an invalid argument to bytes of another key, and everything else as refusal() does", () => {
  const invalid = { status: "INVALID_ARGUMENT" };
  assert.equal(unwrapRefusal(answer(400, invalid), "unwrap").code, "integrity");
  for (
    const [status, error, code] of meanings.filter(([, error]) => JSON.stringify(error) !== JSON.stringify(invalid))
  ) {
    assert.equal(unwrapRefusal(answer(status, error), "unwrap").code, code);
  }
});
