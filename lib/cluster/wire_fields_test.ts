import { deepEqual, equal } from "node:assert/strict";
import * as fc from "fast-check";
import protobuf from "protobufjs";
import { lastField, lastFieldBytes, type WireField, wireFields } from "./wire_fields.ts";

const field = fc.record({
  id: fc.integer({ min: 1, max: 1000 }),
  content: fc.oneof(
    fc.record({ varint: fc.nat() }, { noNullPrototype: true }),
    fc.record({ bytes: fc.uint8Array({ maxLength: 200 }) }, { noNullPrototype: true }),
    fc.constantFrom({ fixed: 4 }, { fixed: 8 }),
  ),
}, { noNullPrototype: true });

Deno.test("wireFields() reads the fields that protobufjs writes", () => {
  fc.assert(fc.property(fc.array(field, { maxLength: 12 }), (fields) => {
    const writer = protobuf.Writer.create();
    const expected: WireField[] = fields.map(({ id, content }) => {
      if ("varint" in content) {
        writer.uint32(id << 3).uint32(content.varint);
        return { id, varint: content.varint };
      }
      if ("bytes" in content) {
        writer.uint32(id << 3 | 2).bytes(content.bytes);
        return { id, bytes: content.bytes };
      }
      if (content.fixed === 4) writer.uint32(id << 3 | 5).fixed32(7);
      else writer.uint32(id << 3 | 1).fixed64(7);
      return { id };
    });
    const read = wireFields(new Uint8Array(writer.finish()));
    deepEqual(read?.map((one) => ({ ...one })), expected);
  }));
});

Deno.test("wireFields() is total", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const total = (wireFields(bytes) ?? []).reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
    equal(total <= bytes.length, true);
  }));
});

Deno.test("lastFieldBytes() gives the bytes that wireFields() gives, of any bytes", () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.uint8Array({ maxLength: 20 })), { maxLength: 9 }).map((rows) =>
      rows.reduce((writer, [id, bytes]) => writer.uint32(id << 3 | 2).bytes(bytes), protobuf.Writer.create()).finish()
    ),
  );
  fc.assert(fc.property(message, (bytes) => {
    const fields = wireFields(bytes);
    deepEqual(lastFieldBytes(bytes, [1, 3]), fields && [1, 3].map((id) => lastField(fields, id)?.bytes));
  }));
});

Deno.test("wireFields() refuses a message that ends early, a group and field 0", () => {
  for (const bytes of [[0x0a, 2, 1], [0x0b], [0x02, 0], [0x08], [0x0d, 1, 2], [0x08, ...Array(11).fill(0x80)]]) {
    equal(wireFields(Uint8Array.from(bytes)), undefined);
  }
});
