import { equal } from "node:assert/strict";
import { utf8 } from "../../../base/bytes.ts";
import { keyringErrorOf, problemErrorOf } from "./problem_document.ts";

const document = {
  type: "urn:trousseau:problem:request_invalid",
  detail: "The policy is refused:\n1:9: has \u001b[31mno value",
};

Deno.test("problemErrorOf() keeps lines, and no other control character", () => {
  const answer = {
    status: 400,
    contentType: "application/problem+json",
    retryAfter: undefined,
    body: utf8(JSON.stringify(document)),
  };
  equal(problemErrorOf(answer, "https://x").message, "The policy is refused:\n1:9: has \ufffd[31mno value");
});

Deno.test("keyringErrorOf() makes one line, for a problem among several", () => {
  equal(keyringErrorOf(document)?.message, "The policy is refused:\ufffd1:9: has \ufffd[31mno value");
});
