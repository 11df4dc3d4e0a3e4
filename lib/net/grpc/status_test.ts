import { deepEqual, equal, ok } from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { type ErrorCode, errorCodes, KmsError } from "../../base/errors.ts";
import { errorOfRpc, isUnconnected, isUnimplemented, RpcFailure, rpcStatus } from "./status.ts";

const expected: Record<ErrorCode, keyof typeof status> = {
  request_invalid: "INVALID_ARGUMENT",
  integrity: "INVALID_ARGUMENT",
  key_unknown: "NOT_FOUND",
  key_unusable: "FAILED_PRECONDITION",
  unauthenticated: "UNAUTHENTICATED",
  permission_denied: "PERMISSION_DENIED",
  throttled: "RESOURCE_EXHAUSTED",
  unreachable: "UNAVAILABLE",
  deadline_exceeded: "DEADLINE_EXCEEDED",
  cancelled: "CANCELLED",
  quorum_not_reached: "UNAVAILABLE",
  provider_protocol: "INTERNAL",
  internal: "INTERNAL",
  config: "INTERNAL",
};

Deno.test("rpcStatus() has the documented status for every code, and none is UNKNOWN", () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    equal(status[rpcStatus(new KmsError(code, "Cannot."), "uid").code], expected[code], code);
  }
});

Deno.test("rpcStatus() of a missed quorum is that of its members' common code", () => {
  const refused = new KmsError("permission_denied", "Cannot wrap.");
  const away = new KmsError("unreachable", "Cannot wrap.");
  const missed = (...members: KmsError[]) => new KmsError("quorum_not_reached", "Cannot seal.", { members });
  equal(rpcStatus(missed(refused, refused), "uid").code, status.PERMISSION_DENIED);
  equal(rpcStatus(missed(refused, away), "uid").code, status.UNAVAILABLE);
});

Deno.test("rpcStatus() of an internal or unknown error has the uid and no details", () => {
  for (const thrown of [new KmsError("internal", "secret-7"), new Error("secret-7"), "secret-7", undefined]) {
    const { code, details } = rpcStatus(thrown, "uid-1");
    equal(code, status.INTERNAL);
    ok(details.includes("uid-1") && !details.includes("secret-7"), details);
  }
});

Deno.test("rpcStatus() has only text that a trailer can carry", () => {
  const { details } = rpcStatus(new KmsError("integrity", "\ud800" + "x".repeat(5000)), "uid");
  ok(encodeURI(details).length < 8192);
});

Deno.test("errorOfRpc() restores the code, with the status as its cause", () => {
  const error = errorOfRpc(status.UNIMPLEMENTED, "no such method", "call it");
  deepEqual([error.code, error.message], ["provider_protocol", "Cannot call it: UNIMPLEMENTED: no such method"]);
  ok(error.cause instanceof RpcFailure && error.cause.status === "UNIMPLEMENTED");
  equal(errorOfRpc(status.UNAVAILABLE, "", "x").code, "unreachable");
  equal(errorOfRpc(status.UNKNOWN, "", "x").code, "provider_protocol");
});

Deno.test("errorOfRpc() treats an undefined status number as UNKNOWN", () => {
  for (const code of [17, 99, -1]) {
    const { code: found, cause } = errorOfRpc(code, "", "call it");
    equal(found, "provider_protocol");
    ok(cause instanceof RpcFailure && cause.status === "UNKNOWN");
  }
});

Deno.test("errorOfRpc() has a code for every status of gRPC", () => {
  const codes: Record<keyof typeof status, ErrorCode> = {
    OK: "internal",
    CANCELLED: "cancelled",
    UNKNOWN: "provider_protocol",
    INVALID_ARGUMENT: "request_invalid",
    DEADLINE_EXCEEDED: "deadline_exceeded",
    NOT_FOUND: "key_unknown",
    ALREADY_EXISTS: "provider_protocol",
    PERMISSION_DENIED: "permission_denied",
    RESOURCE_EXHAUSTED: "throttled",
    FAILED_PRECONDITION: "key_unusable",
    ABORTED: "provider_protocol",
    OUT_OF_RANGE: "request_invalid",
    UNIMPLEMENTED: "provider_protocol",
    INTERNAL: "provider_protocol",
    UNAVAILABLE: "unreachable",
    DATA_LOSS: "integrity",
    UNAUTHENTICATED: "unauthenticated",
  };
  for (const [name, code] of Object.entries(codes)) {
    equal(errorOfRpc(status[name as keyof typeof status], "", "x").code, code, name);
  }
});

Deno.test("rpcStatus() sends the first 1,000 characters of a sentence", () => {
  equal(rpcStatus(new KmsError("integrity", "x".repeat(1001)), "uid").details, "x".repeat(1000));
});

Deno.test("isUnconnected() and isUnimplemented() depend on the status of the answer, if there was one", () => {
  const errors = [
    errorOfRpc(status.UNAVAILABLE, "", "x", "there is no socket"),
    errorOfRpc(status.UNAVAILABLE, "", "x"),
    errorOfRpc(status.UNIMPLEMENTED, "", "x"),
    new KmsError("unreachable", "Cannot."),
    new RpcFailure("UNIMPLEMENTED", "", "there is no socket"),
    undefined,
  ];
  deepEqual(errors.map(isUnconnected), [true, false, false, false, false, false]);
  deepEqual(errors.map(isUnimplemented), [false, false, true, false, false, false]);
  const failure = errors[0] instanceof KmsError ? errors[0].cause : undefined;
  equal(failure instanceof RpcFailure && failure.name, "RpcFailure");
});
