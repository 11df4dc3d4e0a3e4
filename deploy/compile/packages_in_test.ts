import assert from "node:assert/strict";
import { packagesIn, packagesLine } from "./packages_in.ts";

Deno.test("packagesIn() names each package once, by comments and by names of CommonJS modules", () => {
  const text = [
    "// npm/@scure/base/2.4.0/index.js",
    "// npm/yaml/2.9.1_1/dist/a.js",
    "// npm/yaml/2.9.1/dist/b.js",
    "var require_long = __commonJS({",
    '  "npm/long/5.3.2-rc.1/index.js"(exports) {',
    "// ../lib/base/version.ts",
  ].join("\n");
  assert.deepEqual(packagesIn([text, ""]), ["@scure/base@2.4.0", "long@5.3.2-rc.1", "yaml@2.9.1"]);
});

Deno.test("packagesLine() is a comment of one line", () => {
  assert.equal(packagesLine(["a@1.0.0", "b@2.0.0"]), "\n/* packages: a@1.0.0 b@2.0.0 */\n");
});
