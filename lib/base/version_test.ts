import { equal, match } from "node:assert/strict";
import { version } from "./version.ts";
import manifest from "../../deno.json" with { type: "json" };

Deno.test("version equals the one in deno.json", () => {
  equal(version, manifest.version);
});

Deno.test("version is a semantic version, as KMS v1beta1 reports it", () => {
  match(version, /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/);
});
