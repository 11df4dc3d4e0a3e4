import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { parse as parseYaml } from "yaml";
import { base64, utf8 } from "../../base/bytes.ts";
import { run } from "../../../tests/support/processes.ts";
import type { FieldKind, SecretField } from "./fields.ts";
import { KeyringError } from "./problems.ts";
import { filteredValue, templateFilters } from "./template_filters.ts";
import { parseTemplate, renderTemplate } from "./templates.ts";

function field(value: string | Uint8Array, kind: FieldKind = "text", name = "password"): SecretField {
  return { name, kind, value: typeof value === "string" ? utf8(value) : value };
}

/** Any text but lone surrogates, which UTF-8 does not have. */
const texts = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed());

const refused = (message: string) => ({ code: "request_invalid", message });

Deno.test("parseTemplate() finds references with their places, and each secret once", () => {
  const text = "a: {{ db/prod/john#user }}\n  b: {{db/prod/john#password|json}} {{  Grüße/a b#x.y-z  |  sh  }}\n";
  const { parts, paths } = parseTemplate(text, "app.tmpl");
  deepEqual(parts, [
    "a: ",
    { path: "db/prod/john", field: "user", line: 1, column: 4 },
    "\n  b: ",
    { path: "db/prod/john", field: "password", filter: "json", line: 2, column: 6 },
    " ",
    { path: "Grüße/a b", field: "x.y-z", filter: "sh", line: 2, column: 37 },
    "\n",
  ]);
  deepEqual(paths, ["db/prod/john", "Grüße/a b"]);
  deepEqual(parseTemplate("}} { { no reference", "t").parts, ["}} { { no reference"]);
  deepEqual(parseTemplate("", "t").parts, []);
});

Deno.test("parseTemplate() takes a path with the characters of a reference in it", () => {
  for (const path of ["a#b", "a|b", "a | b#c", "a{b}", "a}b"]) {
    deepEqual(parseTemplate(`{{ ${path}#f | sh }}`, "t").paths, [path]);
  }
});

Deno.test("parseTemplate() names file, line and column of a mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["x\n ü{{ a#b", 't:2:3: "{{" has no "}}" in its line.'],
    ["{{ a#b\n}}", 't:1:1: "{{" has no "}}" in its line.'],
    ["{{ }}", "t:1:1: there is no reference; write {{ PATH#FIELD }}, with a filter behind a bar."],
    ["{{ a }}", "t:1:1: there is no reference; write {{ PATH#FIELD }}, with a filter behind a bar."],
    ["{{ #b }}", "t:1:1: there is no reference; write {{ PATH#FIELD }}, with a filter behind a bar."],
    ["{{ a# }}", 't:1:1: "" is no name of a field.'],
    ["{{ a#b c }}", 't:1:1: "b c" is no name of a field.'],
    ["{{ a#b | jsno }}", 't:1:1: there is no filter "jsno". Did you mean "json"?'],
    ["{{ a#b | upper }}", 't:1:1: there is no filter "upper".'],
    ["{{ a#b | }}", 't:1:1: there is no filter "".'],
    ["{{ a#b | toString }}", 't:1:1: there is no filter "toString".'],
    ["{{ a#b | json | sh }}", "t:1:1: there is no reference; write {{ PATH#FIELD }}, with a filter behind a bar."],
    ["{{ if a }}", "t:1:1: there is no reference; write {{ PATH#FIELD }}, with a filter behind a bar."],
    ["ok\n{{ /a#b }}", 't:2:1: The path "/a" is refused: a segment is empty.'],
    ["{{ {{ a#b }} }}", 't:1:1: "{{" stands twice before "}}".'],
  ];
  for (const [text, message] of cases) {
    throws(() => parseTemplate(text, "t"), (thrown) => {
      ok(thrown instanceof KeyringError && thrown.code === "request_invalid");
      equal(thrown.message, message);
      return true;
    });
  }
});

Deno.test("renderTemplate() fills in values, also those that look like references", () => {
  const template = parseTemplate("u={{ a#user }};p={{ a#password | sh }};u={{ a#user }}", "t");
  equal(
    renderTemplate(template, () => [field("{{ a#password }}", "text", "user"), field("it's")]),
    "u={{ a#password }};p='it'\\''s';u={{ a#password }}",
  );
});

Deno.test("renderTemplate() names the place of a field that does not exist, and no value", () => {
  const template = parseTemplate("x\ny {{ db/john#passwort }}", "app.tmpl");
  const fields = [field("hunter2")];
  const message = 'app.tmpl:2:3: "db/john" has no field "passwort". Did you mean "password"?';
  throws(() => renderTemplate(template, () => fields), refused(message));
  throws(() => renderTemplate(template, () => undefined), refused('app.tmpl:2:3: "db/john" does not exist.'));
  throws(() => renderTemplate(template, () => []), refused('app.tmpl:2:3: "db/john" has no field "passwort".'));
});

Deno.test("renderTemplate() refuses a value that is no text, but for the filters that take bytes", () => {
  const fields = [field(Uint8Array.of(0xff, 0x00), "bytes")];
  const render = (reference: string) => renderTemplate(parseTemplate(reference, "t"), () => fields);
  throws(
    () => render("{{ a#password }}"),
    refused('t:1:1: the value of "a#password" is no text; add the filter base64.'),
  );
  for (const filter of ["json", "sh", "yaml"]) {
    throws(() => render(`{{ a#password | ${filter} }}`), /cannot be written/);
  }
  equal(render("{{ a#password | base64 }}"), "/wA=");
  equal(render("{{ a#password | urlencode }}"), "%FF%00");
  fields[0] = field("a\0b");
  throws(
    () => render("{{ a#password | sh }}"),
    refused('t:1:1: the value of "a#password" cannot be written by the filter sh, which takes text without NUL alone.'),
  );
});

Deno.test("filteredValue() writes JSON, YAML, base64 and percent-encoding that give back the value", () => {
  fc.assert(fc.property(texts, (text) => {
    equal(JSON.parse(filteredValue("json", field(text)) ?? ""), text);
    const yaml = filteredValue("yaml", field(text)) ?? "";
    equal(yaml.split(/[\n\r\u0085\u2028\u2029]/).length, 1);
    equal(parseYaml(`key: ${yaml}\n`).key, text);
    equal(parseYaml(`key: ${yaml}\n`, { version: "1.1" }).key, text);
    equal(filteredValue("base64", field(text)), base64(utf8(text)));
    const encoded = filteredValue("urlencode", field(text)) ?? "";
    ok(/^[A-Za-z0-9._~%-]*$/.test(encoded));
    equal(decodeURIComponent(encoded), text);
  }));
});

Deno.test("filteredValue() keeps a field of the kind json as it was sent for json, and writes it as a text for yaml", () => {
  const value = '{"a": 12345678901234567890}';
  equal(filteredValue("json", field(value, "json")), value);
  equal(filteredValue("yaml", field(value, "json")), JSON.stringify(value));
  equal(filteredValue("yaml", field("\u007f\u0085\u2028\ufeff😀")), '"\\u007f\\u0085\\u2028\\ufeff😀"');
  deepEqual(Object.keys(templateFilters), ["json", "sh", "base64", "yaml", "urlencode"]);
});

Deno.test("filteredValue() writes words that a real shell reads back", async () => {
  const words = fc.sample(texts, 300).map((text) => text.replaceAll("\0", ""));
  const values = [...words, "", "'", "''", "\\", "$HOME `id` $(id)", "a\nb\n", "!x", "~", "-n", "*", "\r"];
  const script = values.map((value) => `printf '%s\\0' ${filteredValue("sh", field(value))}\n`).join("");
  for (const shell of ["sh", "bash"]) {
    const { stdout } = await run(shell, ["-s"], { stdin: script });
    deepEqual(stdout.split("\0").slice(0, -1), values, shell);
  }
});

Deno.test("parseTemplate() and renderTemplate() are total", () => {
  const pieces = fc.array(fc.oneof(fc.constantFrom("{{", "}}", "#", "|", "a", " ", "\n", "json", "a#b"), fc.string()));
  fc.assert(fc.property(pieces, (some) => {
    try {
      renderTemplate(parseTemplate(some.join(""), "t"), () => [field("x", "text", "b")]);
    } catch (thrown) {
      equal(thrown instanceof KeyringError && thrown.code, "request_invalid");
    }
  }));
});
