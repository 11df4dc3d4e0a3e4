import assert from "node:assert/strict";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { KmsError } from "../../base/errors.ts";
import { awsErrorCodes, type AwsFailure, failureOf, meaningOf, refusal, stsCodes, stsRefusal } from "./errors.ts";

const call = { ...patient, action: 'wrap with provider "aws"' };

function failure(name: string | undefined, status: number, retryAfterMs?: number): AwsFailure {
  return { name, status, retryAfterMs };
}

/** One error of each kind of meaning, as AWS would send it, and whether lib/provider/retrying.ts should retry it. */
const examples: readonly (readonly [name: string | undefined, status: number, code: string])[] = [
  ["AccessDeniedException", 400, "permission_denied"],
  ["NotFoundException", 400, "key_unknown"],
  ["DisabledException", 400, "key_unusable"],
  ["KMSInvalidStateException", 400, "key_unusable"],
  ["InvalidCiphertextException", 400, "integrity"],
  ["IncorrectKeyException", 400, "integrity"],
  ["KeyUnavailableException", 500, "unreachable"],
  ["KMSInternalException", 500, "unreachable"],
  ["CloudHsmClusterNotActiveException", 400, "unreachable"],
  ["ThrottlingException", 400, "throttled"],
  ["LimitExceededException", 400, "throttled"],
  ["LimitExceeded", 400, "throttled"],
  ["SlowDown", 503, "throttled"],
  ["ExpiredTokenException", 400, "unauthenticated"],
  ["UnrecognizedClientException", 400, "unauthenticated"],
  ["InvalidSignatureException", 400, "unauthenticated"],
  ["ValidationException", 400, "provider_protocol"],
  ["NoSuchThingException", 400, "provider_protocol"],
  [undefined, 200, "provider_protocol"],
  [undefined, 401, "unauthenticated"],
  [undefined, 403, "permission_denied"],
  [undefined, 404, "provider_protocol"],
  [undefined, 408, "unreachable"],
  [undefined, 429, "throttled"],
  [undefined, 503, "unreachable"],
  ["toString", 500, "unreachable"],
  ["__proto__", 400, "provider_protocol"],
];

for (const [name, status, code] of examples) {
  Deno.test(`refusal() maps ${status} ${name} to ${code}`, () => {
    assert.equal(meaningOf(failure(name, status)), code);
    assert.equal(refusal(failure(name, status), call.action).code, code);
  });
}

Deno.test("refusal() is one sentence with AWS's name of the error if that is known, and passes on the requested pause", () => {
  const error = refusal(failure("ThrottlingException", 400, 1500), call.action);
  assert.equal(
    error.message,
    'Cannot wrap with provider "aws": AWS KMS answered 400 ThrottlingException (too many requests).',
  );
  assert.equal(error.retryAfterMs, 1500);
  const unknown = refusal(failure("Evil", 400), call.action);
  assert.ok(!unknown.message.includes("Evil"), unknown.message);
});

Deno.test("stsRefusal() maps refusals of STS to a refused login", () => {
  const cases: readonly (readonly [string, number, string])[] = [
    ["AccessDenied", 403, "unauthenticated"],
    ["InvalidIdentityToken", 400, "unauthenticated"],
    ["ExpiredTokenException", 400, "unauthenticated"],
    ["IDPCommunicationError", 400, "unreachable"],
    ["RegionDisabledException", 403, "unauthenticated"],
    ["ValidationError", 400, "unauthenticated"],
    ["Throttling", 400, "throttled"],
    ["ServiceUnavailable", 503, "unreachable"],
  ];
  for (const [name, status, code] of cases) {
    const error = stsRefusal(failure(name, status), 'log in with provider "aws"');
    assert.equal(error.code, code, name);
    assert.match(
      error.message,
      new RegExp(`^Cannot log in with provider "aws": AWS STS answered ${status} ${name} \\(`),
    );
  }
});

Deno.test("every meaning has a phrase, and none of them ends a sentence or a line", () => {
  for (const [name, { why }] of Object.entries({ ...awsErrorCodes, ...stsCodes })) {
    assert.match(why, /^[a-zA-Z][^.\n()]+$/, name);
  }
});

/** An error of the SDK for a response: a subclass of Error with these fields. */
function thrown(name: string, fields: object): Error {
  return Object.assign(new Error("a text that nobody should repeat"), { name, ...fields });
}

Deno.test("failureOf() uses AWS's code if the response was understood, and the status otherwise", () => {
  const headers = { "retry-after": "2" };
  const understood = thrown("DisabledException", {
    $fault: "client",
    $metadata: { httpStatusCode: 400 },
    $response: { headers },
  });
  assert.deepEqual(failureOf(understood, call), { name: "DisabledException", status: 400, retryAfterMs: 2000 });
  const garbled = thrown("SyntaxError", { $metadata: { httpStatusCode: 200 }, $response: { headers: {} } });
  assert.deepEqual(failureOf(garbled, call), { name: undefined, status: 200, retryAfterMs: undefined });
  const evil = thrown("Some <b>name</b>", { $fault: "client", $metadata: { httpStatusCode: 400 } });
  assert.equal(failureOf(evil, call).name, undefined);
});

Deno.test("failureOf() passes on KmsErrors, and reports why a call has ended", () => {
  const own = new KmsError("unreachable", "Cannot wrap: AWS KMS refused the connection.");
  assert.throws(() => failureOf(own, call), (error) => error === own);
  const gone = AbortSignal.abort();
  const aborted = thrown("AbortError", {});
  assert.throws(() => failureOf(aborted, { ...call, signal: gone }), refusedWith("cancelled"));
  const bug = new TypeError("a bug of ours");
  assert.throws(() => failureOf(bug, call), (error) => error === bug);
});

Deno.test("failureOf() throws deadline_exceeded if the call's deadline has passed", async () => {
  const { signal } = within(1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.throws(() => failureOf(thrown("AbortError", {}), { ...call, signal }), refusedWith("deadline_exceeded"));
});
