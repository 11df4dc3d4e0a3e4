import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { folderInTarget, queryParameters, requestTarget, secretInTarget } from "./target.ts";

const code = (expected: string) => (thrown: unknown) => thrown instanceof KeyringError && thrown.code === expected;

Deno.test("requestTarget() splits at the first question mark and decodes nothing", () => {
  deepEqual(requestTarget("/a%20b/c?x=1?y"), { path: "/a%20b/c", query: "x=1?y" });
  deepEqual(requestTarget("/"), { path: "/", query: "" });
});

Deno.test("requestTarget() refuses dot segments in every spelling, absolute forms, and raw characters", () => {
  for (
    const raw of [
      "/a/../b",
      "/a/./b",
      "/..",
      "/.",
      "/a/%2e%2E/b",
      "/a/.%2e",
      "/%2e/a",
      "http://host/a",
      "*",
      "",
      "a",
      "/a\\b",
      "/a#b",
      "/a b",
      "/ü",
      "/a\u0000",
      `/${"a".repeat(8_192)}`,
    ]
  ) throws(() => requestTarget(raw), code("path_invalid"), raw.slice(0, 40));
});

Deno.test("secretInTarget() decodes once and refuses encoded slashes, NUL, control characters and empty segments", () => {
  equal(secretInTarget("db/pr%C3%BCf%20x/%2541"), "db/prüf x/%41");
  for (const encoded of ["a%2Fb", "a%2fb", "a%00b", "a%0Ab", "a//b", "", "a/", "/a", "a%", "a/%2e%2e/b"]) {
    throws(() => secretInTarget(encoded), code("path_invalid"), encoded);
  }
});

Deno.test("folderInTarget() takes the root and a last slash", () => {
  deepEqual(["", "db", "db/"].map(folderInTarget), ["", "db/", "db/"]);
});

Deno.test("queryParameters() decodes, and refuses a parameter that is there twice", () => {
  deepEqual(queryParameters("a=1&b=x%20y+z&c"), { a: "1", b: "x y z", c: "" });
  deepEqual(queryParameters(""), {});
  throws(() => queryParameters("a=1&a=2"), code("request_invalid"));
  throws(() => queryParameters("a=%ff"), code("request_invalid"));
});

Deno.test("the parsers of targets are total: a result or a KeyringError", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    for (const parse of [requestTarget, secretInTarget, folderInTarget, queryParameters]) {
      try {
        parse(text);
      } catch (thrown) {
        equal(thrown instanceof KeyringError, true);
      }
    }
  }));
});
