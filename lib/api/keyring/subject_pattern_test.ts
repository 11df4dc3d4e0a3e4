import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { matchesPattern, whyNoPattern } from "./subject_pattern.ts";

Deno.test("matchesPattern() compares exact text, and lets * stand for a part of one segment", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["repo:acme/shop:ref:refs/heads/main", "repo:acme/shop:ref:refs/heads/main", true],
    ["repo:acme/*", "repo:acme/shop", true],
    ["repo:acme/*", "repo:acme/shop:ref", false],
    ["repo:acme/*", "repo:acme/", false],
    ["repo:acme/*", "repo:acme/a/b", false],
    ["repo:acme/*:ref:refs/heads/main", "repo:acme/shop:ref:refs/heads/main", true],
    ["repo:acme/*:ref:refs/heads/main", "repo:acme/x:ref:refs/heads/y:ref:refs/heads/main", false],
    ["*@example.org", "anna@example.org", true],
    ["*@example.org", "eve@example.com@example.org", false],
    ["web-*", "web-", false],
    ["web-*-1", "web-a-1", true],
    ["web-*-1", "web-1", false],
    ["ab*ba", "aba", false],
    ["a", "A", false],
    ["a", "a ", false],
    ["team-*", "team-a\nteam-b", false],
    ["team-*", "team-a,team-b", false],
  ];
  for (const [pattern, text, matches] of cases) {
    equal(whyNoPattern(pattern), undefined, pattern);
    equal(matchesPattern(pattern, text), matches, `${pattern} and ${text}`);
  }
});

Deno.test("whyNoPattern() refuses a pattern that every text of its form matches", () => {
  for (const pattern of ["*", "*:*", "*/*", "", ":", "*@*"]) ok(whyNoPattern(pattern) !== undefined, pattern);
  equal(whyNoPattern("a*b*"), "has two * in one segment");
  ok(whyNoPattern("x".repeat(513)) !== undefined);
});

Deno.test("matchesPattern() is true for a text in the place of itself, and for no other exact text", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replaceAll("*", "+"));
  fc.assert(fc.property(text, text, (one, other) => equal(matchesPattern(one, other), one === other)));
});
