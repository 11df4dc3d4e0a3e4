import assert from "node:assert/strict";
import fc from "fast-check";
import { literal, paragraph, roffText } from "./roff.ts";

Deno.test("roffText() keeps text from being an instruction", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const line = roffText(text.replaceAll("\n", " "));
    assert.doesNotMatch(line, /^[.']/);
    assert.match(line, /^[ -~]*$/, "printable ASCII alone");
    // Each backslash begins one of the escapes that the function writes.
    assert.doesNotMatch(line.replaceAll(/\\(e|-|&|\((aq|ga|ha|ti)|\[u[0-9A-F]{4,6}\])/g, ""), /\\/);
  }));
});

Deno.test("roffText() writes the signs that a reader may copy", () => {
  assert.equal(roffText("--config 'a' \\ `b` ~ ^ é"), "\\-\\-config \\(aqa\\(aq \\e \\(gab\\(ga \\(ti \\(ha \\[u00E9]");
  assert.equal(roffText(".SH NAME"), "\\&.SH NAME");
});

Deno.test("paragraph() and literal() begin no line with a dot", () => {
  assert.ok(paragraph(". ".repeat(200)).every((line) => !line.startsWith(".")));
  assert.deepEqual(literal(["a", "", ".b"]), [".nf", "a", ".sp", "\\&.b", ".fi"]);
});
