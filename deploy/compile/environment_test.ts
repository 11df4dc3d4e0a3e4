import assert from "node:assert/strict";
import { compileEnvironment } from "./environment.ts";

Deno.test("compileEnvironment() passes on a list of variables, and neither telemetry nor settings of the runtime", () => {
  const passed = ["PATH", "HOME", "TMPDIR", "DENO_DIR", "HTTPS_PROXY"];
  const foreign = ["OTEL_DENO", "OTEL_SERVICE_NAME", "DENO_V8_FLAGS", "DENORT_BIN", "NODE_OPTIONS", "VAULT_TOKEN"];
  const caller = new Map([...passed, ...foreign].map((name) => [name, `the caller's ${name}`]));
  assert.deepEqual(compileEnvironment({ ADDED: "1" }, caller), {
    ...Object.fromEntries(passed.map((name) => [name, `the caller's ${name}`])),
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
    ADDED: "1",
  });
});
