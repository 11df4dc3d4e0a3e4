import { deepEqual, doesNotMatch, equal } from "node:assert/strict";
import * as fc from "fast-check";
import * as yaml from "yaml";
import { yamlText } from "./yaml_text.ts";

const odd = ["\u007f", "\u0080", "\u0085", "\u009f", "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff"];

Deno.test("yamlText() escapes ambiguous characters, in a text of several lines too, and quotes no other text", () => {
  for (const one of odd) {
    const escape = `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
    equal(yamlText(yaml, { a: one, [one]: "b", c: ["d"] }), `a: "${escape}"\n"${escape}": b\nc:\n  - d\n`);
    const long = `${"x y\n".repeat(30)}${one}\n`;
    doesNotMatch(yamlText(yaml, { long }), new RegExp(one));
    equal(yaml.parse(yamlText(yaml, { long })).long, long);
  }
  equal(yamlText(yaml, { a: "x\ny\n", b: "\u00a0\ufffd\u{1f600}" }), "a: |\n  x\n  y\nb: \u00a0\ufffd\u{1f600}\n");
});

Deno.test("yamlText() is read back alike by YAML 1.2, and with every text in quotes by YAML 1.1 too", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...odd, "<<", "yes", "0o7", "a\nb\n"));
  fc.assert(fc.property(fc.jsonValue({ stringUnit: "binary" }), fc.dictionary(text, text), (value, texts) => {
    const { __proto__: _, ...rest } = texts;
    deepEqual(yaml.parse(yamlText(yaml, { value, rest })), { value, rest });
    deepEqual(yaml.parse(yamlText(yaml, { value, rest }, "all"), { version: "1.1" }), { value, rest });
  }));
});
