import { deepEqual, equal } from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { localFailure } from "./connect_errors.ts";

// The texts of grpc-js 1.14. `client_test.ts` and the end-to-end tests produce the real errors.
const connect = "No connection established. Last error: Error: connect ENOENT /run/kms.sock. Resolution note: ";
const broken = "Received RST_STREAM with code 2 triggered by internal client error: write EPIPE";

Deno.test("localFailure() recognizes the errors of grpc-js itself", () => {
  deepEqual(localFailure(connect), { code: status.UNAVAILABLE, why: "there is no such socket" });
  deepEqual(localFailure(broken), { code: status.UNAVAILABLE, why: "the connection broke" });
  for (const details of ["Connection dropped", "read ECONNRESET"]) {
    deepEqual(localFailure(details), { code: status.UNAVAILABLE, why: "the connection broke" });
  }
  const ended = broken.replace("write EPIPE", "This socket has been ended by the other party");
  equal(localFailure(ended)?.why, "the connection broke");
});

Deno.test("localFailure() ignores the errors of a plugin", () => {
  for (
    const details of [
      "",
      "Connection dropped by the HSM",
      "ECONNRESET",
      "no such key",
      "connect ENOENT",
      "Received RST_STREAM with code 2",
    ]
  ) {
    equal(localFailure(details), undefined, details);
  }
});
