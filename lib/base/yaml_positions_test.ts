import assert from "node:assert/strict";
import { type FieldPath, readYaml, whyNoYaml } from "./yaml_positions.ts";

function at(text: string, ...path: FieldPath): string {
  const { line, column } = readYaml(text).position(path);
  return `${line}:${column}`;
}

function problems(text: string): readonly string[] {
  return readYaml(text).problems.map(({ position, text }) => `${position.line}:${position.column}: ${text}`);
}

Deno.test("readYaml() returns plain values", () => {
  const { value, problems } = readYaml('a: 1\nb: [true, null, off, 1.5, "0600"]\nc: { d: x }\n');
  assert.deepEqual(value, { a: 1, b: [true, null, "off", 1.5, "0600"], c: { d: "x" } });
  assert.deepEqual(problems, []);
});

Deno.test("readYaml() returns null for an empty text", () => {
  for (const text of ["", "# only a comment\n", "---\n", "\ufeff"]) assert.equal(readYaml(text).value, null);
});

Deno.test("position() is that of a field's key, of an item's beginning, or of the nearest parent", () => {
  const text = "# comment\na:\n  - name: x\n    key: y\n  -  [1, 22]\nb: {c: 1, d: 2}\n";
  assert.equal(at(text), "1:1");
  assert.equal(at(text, "a"), "2:1");
  assert.equal(at(text, "a", 0), "3:5");
  assert.equal(at(text, "a", 0, "key"), "4:5");
  assert.equal(at(text, "a", 0, "absent", "deeper"), "3:5");
  assert.equal(at(text, "a", 1, 1), "5:10");
  assert.equal(at(text, "a", 7), "2:1");
  assert.equal(at(text, "b", "d"), "6:11");
  assert.equal(at(text, "absent"), "1:1");
});

Deno.test("position() counts lines that end in CR LF", () => {
  assert.equal(at("a: 1\r\nb:\r\n  c: 2\r\n", "b", "c"), "3:3");
});

Deno.test("position() follows an alias to its anchor", () => {
  assert.equal(at("a: &x { b: 1 }\nc: *x\n", "c"), "2:1");
  assert.equal(at("a: &x { b: 1 }\nc: *x\n", "c", "b"), "1:9");
});

/** Texts that are no valid YAML of a config, with their problems. */
const mistakes: readonly (readonly [criterion: string, text: string, expected: readonly string[]])[] = [
  ["a key that stands twice", "a: 1\nb: 2\na: 3\n", ["3:1: this key stands in the same mapping twice"]],
  ["a second document", "a: 1\n---\nb: 2\n", ["2:1: a second document begins here; the file is one document"]],
  ["an unknown tag", "a: !secret x\n", ["1:4: this tag (!) is not known"]],
  ["an unknown directive", "%FOO bar\n---\na: 1\n", ["1:1: this directive (%) is not known"]],
  ["a tab", "a:\n\tb: 1\n", ["2:1: lines are indented with spaces, not with tabs"]],
  ["a quote that is left open", 'a: "b\n', [
    "2:1: a character is missing here, such as a quote, a bracket, a comma, or a space after a colon",
  ]],

  ["a key that is a list", "? [a]\n: 1\n", ["1:3: a key must be a text"]],
  ["an alias without an anchor", "a: *b\n", [
    "1:4: no anchor (&) of this name stands above; put a value that begins with * into quotes",
  ]],
  ["a value that begins with @", "a: @b\n", ["1:4: a value cannot begin with this character; put it into quotes"]],
];

for (const [criterion, text, expected] of mistakes) {
  Deno.test(`readYaml() reports ${criterion}`, () => assert.deepEqual(problems(text), expected));
}

Deno.test("readYaml() returns no value with a problem, except for a duplicate key", () => {
  assert.equal(readYaml("a: !x b\n").value, undefined);
  assert.equal(readYaml("a: *b\n").value, undefined);
  assert.deepEqual(readYaml("a: 1\na: 2\n").value, { a: 2 });
});

Deno.test("readYaml() refuses aliases that multiply", () => {
  const levels = Array.from({ length: 8 }, (_, level) => {
    const items = Array.from({ length: 9 }, () => level === 0 ? "x" : `*l${level - 1}`);
    return `l${level}: &l${level} [${items.join(", ")}]\n`;
  });
  const { value, problems } = readYaml(levels.join(""));
  assert.equal(value, undefined);
  assert.deepEqual(problems.map(({ text }) => text), [
    "this YAML uses its anchors more than 64 times",
  ]);
});

Deno.test("readYaml() terminates for an anchor inside itself and any depth", () => {
  readYaml("a: &a [*a]\n");
  for (const open of ["[", "{a: ", "- ", "? "]) {
    const { value, problems } = readYaml(open.repeat(60_000));
    assert.equal(value, undefined);
    assert.notDeepEqual(problems, []);
  }
});

Deno.test("whyNoYaml() distinguishes nesting, aliases and bugs of a parser, and repeats no message", () => {
  assert.equal(whyNoYaml(new RangeError("Maximum call stack size exceeded")), "this YAML is too deeply nested");
  assert.equal(whyNoYaml(new ReferenceError("x")), "this YAML uses its anchors more than 64 times");
  assert.match(whyNoYaml(new TypeError("hunter2")), /^this YAML cannot be read \(the parser failed with TypeError\)/);
  assert.doesNotMatch(whyNoYaml(new TypeError("hunter2")), /hunter2|nested/);
});
