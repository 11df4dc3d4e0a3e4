import assert from "node:assert/strict";
import { hex } from "../base/bytes.ts";
import { type Purpose, purposes } from "./purposes.ts";

const rows = Object.entries(purposes);

Deno.test("purposes have additional data of their own, of which none begins another's", () => {
  for (const [name, { additionalData }] of rows) {
    const others = rows.filter(([other]) => other !== name).map(([, row]) => hex(row.additionalData));
    assert.ok(others.every((other) => !other.startsWith(hex(additionalData))), name);
  }
});

Deno.test("purposes share a tag within the plugin alone, and all tags have one length", () => {
  const tagOf = (purpose: Purpose) => hex(purposes[purpose].tag);
  assert.deepEqual([tagOf("v1beta1"), tagOf("sentinel")], [tagOf("v2"), tagOf("v2")]);
  assert.equal(new Set([tagOf("v2"), tagOf("sops"), tagOf("keyring")]).size, 3);
  assert.deepEqual(new Set(rows.map(([, { tag }]) => tag.length)), new Set([15]));
});

Deno.test("purposes have different frame bytes", () => {
  const frames = rows.flatMap(([, { frame }]) => frame ?? []);
  assert.deepEqual(frames.toSorted(), [0xf1, 0xf5, 0xf6]);
});
