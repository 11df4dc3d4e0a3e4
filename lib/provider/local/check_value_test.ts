import { equal, match, notEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { checkValueOf, isMarked, markedFrom } from "./check_value.ts";

/** From the earliest key of b6d3b61 to the latest time that a key file can contain. */
const times = fc.integer({ min: 0, max: 8.64e15 - 2 ** 25 });

Deno.test("checkValueOf() is the first 8 bytes of HMAC-SHA-256 under the key of a fixed label", async () => {
  const material = new Uint8Array(32).fill(7);
  const key = await crypto.subtle.importKey("raw", material, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = new Uint8Array(
    await crypto.subtle.sign("HMAC", key, new TextEncoder().encode("trousseau-local-check-1")),
  );
  equal(checkValueOf(material), mac.slice(0, 8).toHex());
  match(checkValueOf(material), /^[0-9a-f]{16}$/);
  for (let at = 0; at < 32; at++) {
    const changed = material.slice();
    changed[at] = 8;
    notEqual(checkValueOf(changed), checkValueOf(material), `byte ${at}`);
  }
});

Deno.test("markedFrom() finds the first marked instant from a time on, at most two slots later", () => {
  fc.assert(fc.property(times, (ms) => {
    const marked = markedFrom(ms);
    ok(marked >= ms && marked - ms < 2 ** 25);
    ok(isMarked(marked) && !isMarked(marked + 1));
    equal(markedFrom(marked), marked);
    ok(markedFrom(marked + 1) > marked);
  }));
});

Deno.test("isMarked() is true for one instant of each slot, and for no round time of an older file", () => {
  for (const time of ["2026-01-01T00:00:00.000Z", "2026-01-31T12:00:00.000Z", "1970-01-01T00:00:00.000Z"]) {
    equal(isMarked(Date.parse(time)), false, time);
  }
  equal(isMarked(-1), false);
  // Computed by another program: later versions must find the same instants.
  equal(markedFrom(Date.parse("2026-11-29T12:00:00.000Z")), 1_795_964_744_098);
});
