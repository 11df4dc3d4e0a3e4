import { deepEqual, equal } from "node:assert/strict";
import { KeyringError } from "../api/keyring/problems.ts";
import { reportKeyringError } from "./report_keyring_error.ts";

Deno.test("reportKeyringError() puts each line behind the first one among the causes", () => {
  const error = new KeyringError("request_invalid", "The policy is refused:\n1:9: has no value\n2:1: is not known");
  deepEqual(reportKeyringError(error), {
    code: "request_invalid",
    message: "The policy is refused:",
    causes: ["1:9: has no value", "2:1: is not known"],
    status: 64,
  });
});

Deno.test("reportKeyringError() leaves other errors alone", () => {
  equal(reportKeyringError(new Error("x")), undefined);
});
