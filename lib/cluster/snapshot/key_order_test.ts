import { equal } from "node:assert/strict";
import * as fc from "fast-check";
import { compareBytes } from "../../base/bytes.ts";
import { KeyOrder } from "./key_order.ts";

Deno.test("KeyOrder.follows() compares each key with a copy of the one before", () => {
  const key = fc.oneof(
    fc.uint8Array({ maxLength: 3, max: 2 }),
    fc.uint8Array({ minLength: 60, maxLength: 200, max: 1 }),
  );
  fc.assert(fc.property(fc.array(key, { maxLength: 20 }), fc.boolean(), (keys, isAscending) => {
    const order = new KeyOrder(isAscending ? "ascending" : "descending");
    const buffer = new Uint8Array(200);
    let last: Uint8Array | undefined;
    for (const one of keys) {
      buffer.set(one);
      const compared = last === undefined ? undefined : compareBytes(last, one);
      equal(
        order.follows(buffer.subarray(0, one.length)),
        compared === undefined || compared === (isAscending ? -1 : 1),
      );
      buffer.fill(0xff);
      last = one;
    }
  }));
});
