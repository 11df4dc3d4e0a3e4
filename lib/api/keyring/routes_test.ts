import { equal, match, ok } from "node:assert/strict";
import type { RouteRow } from "./route.ts";
import { routes } from "./routes.ts";
import { createRequest, importRequest, patchRequest, readQuery } from "./secret_schemas.ts";

const rows: readonly (readonly [string, RouteRow])[] = Object.entries(routes);

Deno.test("routes have one row for a method and a path, and a summary that is a sentence", () => {
  equal(new Set(rows.map(([, { method, path }]) => `${method} ${path}`)).size, rows.length);
  for (const [id, { summary, action }] of rows) {
    match(summary, /^[A-Z].*\.$/, id);
    match(action, /^[a-z]+(\.[a-z]+)?$/, id);
  }
});

Deno.test("routes ask for a verb where they name a secret or a folder", () => {
  for (const [id, { path, verb, on }] of rows) {
    if (!/\{(path|folder)\}/.test(path)) continue;
    ok(verb !== "none" && verb !== "identity", id);
    ok(on !== "server" && on !== "body", id);
  }
});

Deno.test("routes without an identity are enrol, login and health", () => {
  equal(rows.filter(([, { verb }]) => verb === "none").map(([id]) => id).join(), "enrol,login,health");
});

Deno.test("routes take If-Match and Idempotency-Key only where they write", () => {
  for (const [id, { method, ifMatch, idempotent }] of rows) {
    ok(method !== "GET" || (ifMatch === undefined && idempotent === undefined), id);
  }
});

Deno.test("createRequest takes the three kinds of field, and refuses unknown keys, kinds and other alphabets", () => {
  const valid = (fields: unknown) => createRequest.safeParse({ fields }).success;
  ok(valid({ a: { value: "x" }, b: { kind: "json", value: [1, null] }, c: { kind: "bytes", value: "AA==" } }));
  for (
    const field of [
      { kind: "text", value: 1 },
      { kind: "bytes", value: "A-==" },
      { kind: "other", value: "x" },
      { value: "x", more: 1 },
      "x",
      null,
    ]
  ) ok(!valid({ a: field }), JSON.stringify(field));
  ok(!valid({ "a b": { value: "x" } }));
  ok(!createRequest.safeParse({ fields: {}, more: 1 }).success);
});

Deno.test("patchRequest takes null for a field, a label and the expiry", () => {
  ok(patchRequest.safeParse({ fields: { a: null }, labels: { b: null }, expiresAt: null }).success);
  ok(!patchRequest.safeParse({ keptVersions: 0 }).success);
  ok(!patchRequest.safeParse({ expiresAt: "tomorrow" }).success);
});

Deno.test("readQuery reads a number from its text, and refuses others", () => {
  equal(readQuery.parse({ version: "12" }).version, 12);
  for (const version of ["", "0", "-1", "1.5", "1e3", "99999999999999999", " 1"]) {
    ok(!readQuery.safeParse({ version }).success, version);
  }
});

Deno.test("importRequest needs an item", () => {
  ok(!importRequest.safeParse({ items: [], dryRun: true }).success);
  ok(importRequest.safeParse({ items: [{ path: "a", fields: { f: { value: "" } } }], dryRun: true }).success);
});
