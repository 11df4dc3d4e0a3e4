import { deepEqual, equal, throws } from "node:assert/strict";
import { utf8, utf8Text } from "../../../../base/bytes.ts";
import { kvChanges } from "./kv_json.ts";

const nested = (depth: number) => '{"a":'.repeat(depth) + "1" + "}".repeat(depth);

Deno.test("kvChanges() merges objects level by level, and keeps numbers as they are written", () => {
  const before = [{ name: "f", kind: "json", value: utf8('{"a":{"b":1.0,"c":2},"d":3}') }] as const;
  const field = kvChanges('{"data":{"f":{"a":{"c":null,"e":4.50}},"g":null}}', before);
  equal(utf8Text(field.f?.value ?? new Uint8Array()), '{"a":{"b":1.0,"e":4.50},"d":3}');
  deepEqual(field.g, null);
});

Deno.test("kvChanges() refuses a patch whose depth would make the work grow by its square", () => {
  const patch = (depth: number) => kvChanges(`{"data":{"f":${nested(depth)}}}`, []);
  equal(utf8Text(patch(32).f?.value ?? new Uint8Array()), nested(32));
  for (const depth of [33, 20_000]) {
    throws(() => patch(depth), { code: "request_invalid", message: /nested deeper than 32 levels/ });
  }
});
