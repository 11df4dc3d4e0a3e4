import assert from "node:assert/strict";
import fc from "fast-check";
import protobuf from "protobufjs";
import v2Proto from "../../../proto/kms_v2.proto" with { type: "text" };
import sopsProto from "../../../proto/sops_keyservice.proto" with { type: "text" };
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

Deno.test("codecOf() decodes its own messages and those of the library", () => {
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

Deno.test("codecOf() refuses invalid UTF-8 in every field", () => {
  const id = (name: string) => type.fields[name]?.id ?? 0;
  const field = (number: number, ...bytes: number[]) => [number << 3 | 2, bytes.length, ...bytes];
  const broken = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0x80, 0x62], [0xf4, 0x90, 0x80, 0x80]];
  for (const bytes of broken) {
    const inKey = field(id("annotations"), ...field(1, ...bytes));
    for (const message of [field(id("uid"), ...bytes), field(id("key_id"), ...bytes), inKey]) {
      assert.throws(() => codec.decode(Uint8Array.from(message)), RangeError);
      assert.throws(() => codec.decode(Buffer.from(message)), RangeError);
    }
  }
  // The character that stands in for such bytes is a text like any other, and so is a byte order mark.
  for (const text of ["\ufffd", "a\ufffdb", "\ufeffa"]) {
    const message = Uint8Array.from(field(id("uid"), ...new TextEncoder().encode(text)));
    assert.equal(codec.decode(message).uid, text);
  }
});

Deno.test("codecOf() skips an unknown field", () => {
  const read = codec.decode(Uint8Array.of(15 << 3 | 0, 7, 15 << 3 | 2, 1, 9, 2 << 3 | 2, 1, 0x75));
  assert.equal(read.uid, "u");
});

Deno.test("codecOf() refuses an annotation that would become the prototype", () => {
  const key = new TextEncoder().encode("__proto__");
  const entry = [1 << 3 | 2, key.length, ...key, 2 << 3 | 2, 1, 1];
  const id = type.fields["annotations"]?.id ?? 0;
  assert.throws(() => codec.decode(Uint8Array.of(id << 3 | 2, entry.length, ...entry)), RangeError);
});

for (
  const field of ["int32 n = 1;", "repeated string n = 1;", "map<string, int32> n = 1;", "map<int32, string> n = 1;"]
) {
  Deno.test(`codecOf() refuses a type with a field such as ${field}`, () => {
    const text = `syntax = "proto3"; message M { ${field} }`;
    const other = protobuf.parse(text).root.resolveAll().lookupType("M");
    assert.throws(() => codecOf(other), /neither a string, bytes, a map of them nor a message/);
  });
}

const sopsType = protobuf.parse(sopsProto, { keepCase: true }).root.resolveAll().lookupType("EncryptRequest");
const sopsCodec = codecOf(sopsType);
const words = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true })
  .filter((context) => !Object.hasOwn(context, "__proto__"));
const sopsKey = fc.oneof(
  fc.record({ kms_key: fc.record({ arn: fc.string(), role: fc.string(), context: words, aws_profile: fc.string() }) }),
  fc.record({ vault_key: fc.record({ vault_address: fc.string(), engine_path: fc.string(), key_name: fc.string() }) }),
  fc.record({ age_key: fc.record({ recipient: fc.string() }) }),
  fc.constant({}),
);

Deno.test("codecOf() decodes nested messages of the library", () => {
  const sent = fc.record({ key: sopsKey, plaintext: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(fc.property(sent, (value) => {
    const written = sopsCodec.encode(value);
    assert.deepEqual(bare(written), bare(sopsType.encode(sopsType.fromObject(value)).finish()));
    assert.deepEqual(plain(sopsCodec.decode(bare(written))), plain(value));
  }));
});

Deno.test("codecOf() leaves out an absent message, and refuses a repeated or truncated one", () => {
  assert.deepEqual(plain(sopsCodec.decode(new Uint8Array(0))), { plaintext: [] });
  const key = bare(sopsCodec.encode({ key: { age_key: { recipient: "age1" } } }));
  assert.deepEqual(plain(sopsCodec.decode(key)), { plaintext: [], key: { age_key: { recipient: "age1" } } });
  assert.throws(() => sopsCodec.decode(Uint8Array.of(...key, ...key)), RangeError);
  // The length and the content of this second key would pass for a field of their own: 17 bytes of plaintext.
  const second = delimited(1, 17, ...new Uint8Array(17));
  assert.equal(second[1], 2 << 3 | 2);
  assert.throws(() => sopsCodec.decode(Uint8Array.of(...key, ...second)), RangeError);
  assert.throws(() => sopsCodec.decode(key.subarray(0, -1)), RangeError);
  const inner = key.slice();
  inner[5] = 9;
  assert.throws(() => sopsCodec.decode(inner), RangeError);
});

Deno.test("codecOf() reads any bytes as a message of messages, or throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        assert.ok(sopsCodec.decode(bytes).plaintext instanceof Uint8Array);
      } catch (thrown) {
        assert.ok(thrown instanceof Error);
      }
    }),
    { numRuns: 3000 },
  );
});

/** One length-delimited field. */
function delimited(number: number, ...bytes: readonly number[]): readonly number[] {
  return [number << 3 | 2, bytes.length, ...bytes];
}

const [letter, annotations] = [0x61, type.fields["annotations"]?.id ?? 0];
const uid = [...delimited(type.fields["uid"]?.id ?? 0, letter)];

Deno.test("codecOf() skips unknown fields of the four wire types that stand alone, and refuses the others", () => {
  const unknown = {
    varint: [15 << 3 | 0, 0xff, 0x01],
    fixed64: [15 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8],
    delimited: delimited(15, 1, 2, 3),
    fixed32: [15 << 3 | 5, 1, 2, 3, 4],
  };
  for (const [kind, bytes] of Object.entries(unknown)) {
    assert.equal(codec.decode(Uint8Array.of(...bytes, ...uid)).uid, "a", kind);
    for (let end = 1; end < bytes.length; end++) {
      assert.throws(() => codec.decode(Uint8Array.from(bytes.slice(0, end))), RangeError, `${kind} cut to ${end}`);
    }
  }
  const group = [15 << 3 | 3, ...uid, 15 << 3 | 4];
  assert.throws(() => codec.decode(Uint8Array.of(...group, ...uid)), RangeError);
  for (const wireType of [4, 6, 7]) assert.throws(() => codec.decode(Uint8Array.of(15 << 3 | wireType, ...uid)), Error);
});

Deno.test("codecOf() reads map entries whose key or value is left out, and the later one of two equal fields", () => {
  const read = (...entry: readonly number[]) =>
    plain(codec.decode(Uint8Array.from(delimited(annotations, ...entry))).annotations as object);
  assert.deepEqual(read(), { "": [] });
  assert.deepEqual(read(...delimited(1, letter)), { a: [] });
  assert.deepEqual(read(...delimited(2, 7)), { "": [7] });
  assert.deepEqual(read(...delimited(2, 7), ...delimited(1, letter)), { a: [7] });
  assert.deepEqual(read(...delimited(1, letter), ...delimited(2, 7), ...delimited(2, 8)), { a: [8] });
});

Deno.test("codecOf() refuses map entries with other fields or another length", () => {
  const good = [...delimited(1, letter), ...delimited(2, 7)];
  const entries = [
    delimited(annotations, ...good, ...delimited(3, 1)),
    delimited(annotations, ...good, 1 << 3 | 0, 1),
    [annotations << 3 | 2, good.length + 1, ...good],
    [annotations << 3 | 2, good.length - 1, ...good],
    [annotations << 3 | 2, good.length - 1, ...good, ...uid],
  ];
  for (const entry of entries) assert.throws(() => codec.decode(Uint8Array.from(entry)), RangeError);
  assert.ok(codec.decode(Uint8Array.of(...delimited(annotations, ...good), ...uid)));
});

Deno.test("codecOf() refuses a known field of another wire type, even where its bytes would do", () => {
  const id = type.fields["uid"]?.id ?? 0;
  for (const bytes of [[id << 3 | 0, 1, letter], [id << 3 | 5, 3, 1, 1, 1], [id << 3 | 1, 1, 1, 1, 1, 1, 1, 1, 1]]) {
    assert.throws(() => codec.decode(Uint8Array.from(bytes)), RangeError);
  }
});

Deno.test("codecOf() gives views of what it reads, from the middle of a buffer too", () => {
  const bytes = Uint8Array.of(9, ...delimited(type.fields["ciphertext"]?.id ?? 0, 1, 2, 3), ...uid, 9);
  for (const whole of [bytes, Buffer.from(bytes)]) {
    const { ciphertext, uid: text } = codec.decode(whole.subarray(1, -1));
    assert.ok(ciphertext instanceof Uint8Array);
    assert.deepEqual([[...ciphertext], text], [[1, 2, 3], "a"]);
    assert.equal(ciphertext.buffer, whole.buffer);
  }
});
