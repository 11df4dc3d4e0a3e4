/**
 * The scan of etcd finds a value at any place.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { findLeaks } from "./harness/etcd.ts";

const secret = fc.stringMatching(/^[A-Za-z0-9_-]{16,40}$/);
const bytes = fc.uint8Array({ maxLength: 50 });

Deno.test("findLeaks() finds a value in any bytes, verbatim and in both base64 alphabets", () => {
  fc.assert(fc.property(secret, bytes, bytes, bytes, (text, before, after, around) => {
    const plain = Buffer.concat([before, Buffer.from(text), after]);
    const forms = { value: plain, base64: Buffer.from(plain.toString("base64")) };
    const url = Buffer.from(plain.toString("base64url"));
    for (const [form, inner] of [...Object.entries(forms), ["base64", url] as const]) {
      const value = Buffer.concat([around, inner, around]);
      const found = findLeaks([{ key: "/key", value }], [text]).map((leak) => leak.form);
      assert.ok(found.some((one) => one === form), `${form} was not found`);
    }
  }));
});

Deno.test("findLeaks() finds nothing in bytes without the value", () => {
  fc.assert(fc.property(secret, bytes, (text, value) => {
    assert.deepEqual(findLeaks([{ key: "/key", value }], [text]), []);
  }));
});
