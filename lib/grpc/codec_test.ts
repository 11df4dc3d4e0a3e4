import assert from "node:assert/strict";
import fc from "fast-check";
import protobuf from "protobufjs";
import v2Proto from "../../proto/kms_v2.proto" with { type: "text" };
import { codecOf } from "./codec.ts";

const { root } = protobuf.parse(v2Proto, { keepCase: true });
const type = root.resolveAll().lookupType("v2.DecryptRequest");
const codec = codecOf(type);

const message = fc.record({
  ciphertext: fc.uint8Array({ maxLength: 40 }),
  uid: fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
  key_id: fc.string(),
  annotations: fc.dictionary(fc.string(), fc.uint8Array({ maxLength: 20 }), { maxKeys: 3, noNullPrototype: true })
    .filter((annotations) => !Object.hasOwn(annotations, "__proto__")),
});

/** With every run of bytes a plain array, so that a view of a Buffer equals its copy. */
function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value, (_key, held) => held instanceof Uint8Array ? [...held] : held));
}

/** As JSON has it, Buffers would turn themselves into something else. */
function bare(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

Deno.test("codecOf() reads what it has written, and what the library has written", () => {
  fc.assert(fc.property(message, (sent) => {
    const written = codec.encode(sent);
    assert.deepEqual(bare(written), bare(type.encode(type.fromObject(sent)).finish()));
    assert.deepEqual(plain(codec.decode(bare(written))), plain(sent));
  }));
});

Deno.test("codecOf() gives every field of an empty message its empty value", () => {
  const empty = { annotations: {}, ciphertext: [], key_id: "", uid: "" };
  assert.deepEqual(plain(codec.decode(new Uint8Array(0))), empty);
});

Deno.test("codecOf() refuses a message that is cut off in the middle of a field", () => {
  const sent = { ciphertext: new Uint8Array(9), uid: "uid", key_id: "key", annotations: { "a.b": new Uint8Array(3) } };
  const written = bare(codec.encode(sent));
  const whole = new Set<number>();
  for (let at = 0; at < written.length; at++) {
    try {
      codec.decode(written.subarray(0, at));
      whole.add(at);
    } catch (thrown) {
      assert.ok(thrown instanceof RangeError, String(thrown));
    }
  }
  // Between two fields a message may end: 0, and after each of the first three.
  assert.equal(whole.size, 4);
});

Deno.test("codecOf() reads any bytes or throws, and never takes a wrong wire type", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      let read;
      try {
        read = codec.decode(bytes);
      } catch {
        return;
      }
      assert.equal(typeof read.uid, "string");
      assert.ok(read.ciphertext instanceof Uint8Array);
    }),
    { numRuns: 3000 },
  );
  assert.throws(() => codec.decode(Uint8Array.of(1 << 3 | 0, 5)), RangeError);
  assert.throws(() => codec.decode(Uint8Array.of(0, 0)), RangeError);
});

Deno.test("codecOf() skips a field that it does not know", () => {
  const read = codec.decode(Uint8Array.of(15 << 3 | 0, 7, 15 << 3 | 2, 1, 9, 2 << 3 | 2, 1, 0x75));
  assert.equal(read.uid, "u");
});

Deno.test("codecOf() refuses an annotation that would become the prototype", () => {
  const key = new TextEncoder().encode("__proto__");
  const entry = [1 << 3 | 2, key.length, ...key, 2 << 3 | 2, 1, 1];
  const id = type.fields["annotations"]?.id ?? 0;
  assert.throws(() => codec.decode(Uint8Array.of(id << 3 | 2, entry.length, ...entry)), RangeError);
});

Deno.test("codecOf() takes no type with other fields than both APIs have", () => {
  const other = protobuf.parse('syntax = "proto3"; message M { int32 n = 1; }').root.resolveAll().lookupType("M");
  assert.throws(() => codecOf(other), /neither a string, bytes nor a map/);
});
