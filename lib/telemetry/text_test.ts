import assert from "node:assert/strict";
import fc from "fast-check";
import { anyText } from "../../tests/support/event_arbitraries.ts";
import { causeName, className, escapedText, jsonText, maxText } from "./text.ts";

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

Deno.test("escapedText() and jsonText() escape every character that could end a line or control a terminal", () => {
  fc.assert(fc.property(anyText, (text) => {
    assert.doesNotMatch(escapedText(text), unprintable);
    assert.doesNotMatch(jsonText(text), unprintable);
  }));
});

Deno.test("JSON.parse() returns the argument of jsonText()", () => {
  fc.assert(fc.property(anyText, (text) => {
    assert.equal(JSON.parse(jsonText(text)), text);
  }));
});

Deno.test("escapedText() writes an escaped character as its code", () => {
  assert.equal(escapedText("a\nb\x1b[31m\u202ec\ud800"), "a\\u000ab\\u001b[31m\\u202ec\\ud800");
  assert.equal(escapedText("\u{e0041}"), "\\udb40\\udc41");
});

Deno.test("escapedText() cuts long text", () => {
  assert.equal(escapedText("x".repeat(5000)), `${"x".repeat(maxText)}…`);
});

Deno.test("causeName() returns a class name and never a message", () => {
  assert.equal(causeName(new TypeError("canary")), "TypeError");
  assert.equal(causeName(new Deno.errors.NotFound("canary")), "NotFound");
  assert.equal(causeName("canary"), "string");
  const posing = new Error("canary");
  posing.name = "Error: canary was here";
  assert.equal(causeName(posing), "Error");
});

Deno.test("className() keeps identifiers only", () => {
  assert.equal(className("ConnectError"), "ConnectError");
  assert.equal(className("ConnectError: hvs.token"), "Error");
  assert.equal(className("x".repeat(65)), "Error");
});
