import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { decodedPath, folderPath, parentOf, pathLimits, secretPath, segmentsOf, urlPathOf } from "./paths.ts";
import { KeyringError } from "./problems.ts";

const refused = (why: RegExp) => (thrown: unknown) =>
  thrown instanceof KeyringError && thrown.code === "path_invalid" && why.test(thrown.message);

Deno.test("secretPath() accepts 1 to 16 segments of 1 to 128 bytes in NFC", () => {
  for (
    const path of ["a", "db/prod/john", "Grüße/ключ", Array(16).fill("s").join("/"), "x".repeat(128), "a b/c+d%2F"]
  ) {
    equal(secretPath(path), path);
  }
});

Deno.test("secretPath() names the reason of a refusal", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /a segment is empty/],
    ["/a", /a segment is empty/],
    ["a//b", /a segment is empty/],
    ["a/", /ends with a slash/],
    ["a/./b", /a segment is "\."/],
    ["..", /a segment is "\.\."/],
    ["a\u0000b", /control character/],
    ["a\nb", /control character/],
    ["a\u0085b", /control character/],
    ["a\u2028b", /control character/],
    ["\ud800", /not Unicode/],
    ["u\u0308", /composed form/],
    ["x".repeat(129), /more than 128 bytes/],
    ["ü".repeat(65), /more than 128 bytes/],
    [Array(17).fill("s").join("/"), /more than 16 segments/],
  ];
  for (const [path, why] of cases) throws(() => secretPath(path), refused(why), JSON.stringify(path));
});

Deno.test("secretPath() shows no control character of a refused path in its sentence", () => {
  throws(() => secretPath("a\u001b[31m\u009b"), (thrown) =>
    // deno-lint-ignore no-control-regex
    thrown instanceof KeyringError && !/[\u0000-\u001f\u007f-\u009f]/.test(thrown.message));
});

Deno.test("folderPath() takes a folder with and without its last slash, and the root", () => {
  deepEqual(["", "db", "db/", "db/prod/"].map(folderPath), ["", "db/", "db/", "db/prod/"]);
  throws(() => folderPath("/"), refused(/empty/));
  throws(() => folderPath("a//"), refused(/empty/));
});

Deno.test("decodedPath() decodes each segment once, and refuses an encoded slash and broken escapes", () => {
  equal(decodedPath("a%20b/c%2541"), "a b/c%41");
  throws(() => decodedPath("a%2Fb"), refused(/encoded slash/));
  throws(() => decodedPath("a%2fb"), refused(/encoded slash/));
  for (const broken of ["%", "%4", "%zz", "%ff", "%c3%28"]) throws(() => decodedPath(broken), refused(/percent sign/));
  throws(() => secretPath(decodedPath("a%00")), refused(/control character/));
  throws(() => secretPath(decodedPath("a/%2e%2e/b")), refused(/"\.\."/));
});

Deno.test("decodedPath() gives back what urlPathOf() encoded, for every canonical path", () => {
  const segment = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map((text) =>
    text.normalize("NFC").replaceAll("/", "_")
  );
  fc.assert(fc.property(fc.array(segment, { minLength: 1, maxLength: pathLimits.segments }), (segments) => {
    let path;
    try {
      path = secretPath(segments.join("/"));
    } catch {
      return;
    }
    equal(secretPath(decodedPath(urlPathOf(path))), path);
    deepEqual(segmentsOf(path), segments);
  }));
});

Deno.test("secretPath() and decodedPath() are total: a path or path_invalid", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    for (const parse of [secretPath, folderPath, decodedPath]) {
      try {
        parse(text);
      } catch (thrown) {
        equal(thrown instanceof KeyringError && thrown.code, "path_invalid");
      }
    }
  }));
});

Deno.test("parentOf() is the folder that contains a path", () => {
  deepEqual(["a", "a/b", "a/b/c"].map((path) => parentOf(secretPath(path))), ["", "a/", "a/b/"]);
  deepEqual(["", "a/", "a/b/"].map((path) => parentOf(folderPath(path))), ["", "", "a/"]);
});
