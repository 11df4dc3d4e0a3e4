import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ConnectionError, type ErrorName } from "./errors.ts";
import { type Field, fieldOf } from "./fields.ts";
import { headerBlock, HpackReader, maxHeaderList } from "./hpack.ts";
import { huffmanCodes } from "./huffman.ts";
import { staticTable } from "./static_table.ts";

type Pair = readonly [name: string, value: string];

/** A representation of a field: the first byte, and the number of its bits that hold an index. */
const representations = { indexed: [0x80, 7], incremental: [0x40, 6], plain: [0, 4], never: [0x10, 4] } as const;
type Representation = keyof typeof representations;

function integer(first: number, bits: number, value: number): number[] {
  const most = 2 ** bits - 1;
  if (value < most) return [first + value];
  const bytes = [first + most];
  let left = value - most;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push(128 + left % 128);
  return [...bytes, left];
}

function text(value: string, packed = false): number[] {
  const plain = Buffer.from(value, "latin1");
  if (!packed) return [...integer(0, 7, plain.length), ...plain];
  const bits = [...plain].map((byte) => {
    const { code = 0, bits = 0 } = huffmanCodes[byte] ?? {};
    return code.toString(2).padStart(bits, "0");
  }).join("");
  const bytes = bits.match(/.{1,8}/g)?.map((byte) => parseInt(byte.padEnd(8, "1"), 2)) ?? [];
  return [...integer(0x80, 7, bytes.length), ...bytes];
}

function head(representation: Representation, index: number): number[] {
  const [first, bits] = representations[representation];
  return integer(first, bits, index);
}

/** A literal with a literal name. */
function literal(representation: Representation, [name, value]: Pair, packed = false): number[] {
  return [...head(representation, 0), ...text(name, packed), ...text(value, packed)];
}

const resized = (most: number) => integer(0x20, 5, most);
const indexed = (index: number) => head("indexed", index);

function pairs(fields: readonly Field[]): Pair[] {
  return fields.map(({ name, value }) => [name, value]);
}

function read(reader: HpackReader, ...bytes: number[]): Pair[] {
  return pairs(reader.read(Buffer.from(bytes)));
}

function refused(reader: HpackReader, bytes: readonly number[], code: ErrorName = "COMPRESSION_ERROR"): void {
  const isFault = (thrown: unknown) => thrown instanceof ConnectionError && thrown.code === code;
  assert.throws(() => reader.read(Buffer.from(bytes)), isFault, Buffer.from(bytes).toString("hex"));
}

/** Reads arbitrary bytes. An error other than `ConnectionError` fails the test. */
function readAny(bytes: Uint8Array, before: readonly Buffer[] = []): Pair[] | undefined {
  const reader = new HpackReader();
  for (const block of before) reader.read(block);
  try {
    return pairs(reader.read(Buffer.from(bytes)));
  } catch (thrown) {
    assert.ok(thrown instanceof ConnectionError, String(thrown));
    return undefined;
  }
}

const host: Pair = [":authority", "www.example.com"];
const requests: readonly (readonly Pair[])[] = [
  [[":method", "GET"], [":scheme", "http"], [":path", "/"], host],
  [[":method", "GET"], [":scheme", "http"], [":path", "/"], host, ["cache-control", "no-cache"]],
  [[":method", "GET"], [":scheme", "https"], [":path", "/index.html"], host, ["custom-key", "custom-value"]],
];
const appendix = {
  "C.3": [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
  ],
  "C.4": [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
  ],
};

for (const [section, encoded] of Object.entries(appendix)) {
  const blocks = encoded.map((block) => Buffer.from(block, "hex"));

  Deno.test(`HpackReader.read() decodes the requests of RFC 7541, appendix ${section}, in order`, () => {
    const reader = new HpackReader();
    blocks.forEach((block, i) => assert.deepEqual(read(reader, ...block), requests[i]));
    assert.deepEqual(read(reader, ...indexed(62), ...indexed(64)), [["custom-key", "custom-value"], host]);
    refused(reader, indexed(65));
  });

  Deno.test(`HpackReader.read() decodes a truncated or altered block of ${section}, or throws a ConnectionError`, () => {
    blocks.forEach((block, i) => {
      for (let at = 0; at < block.length; at++) {
        const cut = readAny(block.subarray(0, at), blocks.slice(0, i));
        assert.deepEqual(cut, cut && requests[i]?.slice(0, cut.length));
        for (let byte = 0; byte < 256; byte++) readAny(block.with(at, byte), blocks.slice(0, i));
      }
    });
  });
}

Deno.test("HpackReader.read() has the 61 entries of RFC 7541, appendix A", () => {
  const some: Record<number, Pair> = {
    1: [":authority", ""],
    7: [":scheme", "https"],
    14: [":status", "500"],
    15: ["accept-charset", ""],
    16: ["accept-encoding", "gzip, deflate"],
    31: ["content-type", ""],
    38: ["host", ""],
    58: ["user-agent", ""],
    61: ["www-authenticate", ""],
  };
  for (const [index, pair] of Object.entries(some)) {
    assert.deepEqual(read(new HpackReader(), ...indexed(Number(index))), [pair], index);
  }
});

Deno.test("HpackReader.read() keeps the newest 4096 bytes of entries", () => {
  const reader = new HpackReader();
  const quarter = (name: string): Pair => [name, "v".repeat(1024 - 32 - 1)];
  for (const name of "abcd") read(reader, ...literal("incremental", quarter(name)));
  const [first, last] = [quarter("a"), quarter("d")];
  assert.deepEqual(read(reader, ...indexed(65), ...indexed(62)), [first, last]);
  read(reader, ...literal("incremental", quarter("e")));
  assert.deepEqual(read(reader, ...indexed(65)), [quarter("b")]);
  refused(reader, indexed(66));
  const whole: Pair = ["n", "v".repeat(4096 - 32 - 1)];
  assert.deepEqual(read(reader, ...literal("incremental", whole), ...indexed(62)), [whole, whole]);
  refused(reader, indexed(63));
  // A field larger than the table is decoded too.
  const larger: Pair = ["n", `${whole[1]}v`];
  assert.deepEqual(read(reader, ...literal("incremental", larger)), [larger]);
  refused(reader, indexed(62));
});

Deno.test("HpackReader.read() evicts entries when the table shrinks, and adds new ones when it grows again", () => {
  const reader = new HpackReader();
  const [a, b, c] = ["a", "b", "c"].map((name): Pair => [name, ""]) as [Pair, Pair, Pair];
  for (const pair of [a, b, c]) read(reader, ...literal("incremental", pair));
  assert.deepEqual(read(reader, ...resized(66), ...indexed(62), ...indexed(63)), [c, b]);
  refused(reader, indexed(64));
  // The reduced size holds for later entries.
  for (const pair of [a, b, c]) read(reader, ...literal("incremental", pair));
  refused(reader, indexed(64));
  assert.deepEqual(read(reader, ...resized(65), ...resized(4096), ...indexed(62)), [c]);
  assert.deepEqual(read(reader, ...resized(0), ...literal("incremental", a)), [a]);
  refused(reader, indexed(62));
  assert.deepEqual(read(reader, ...resized(4096), ...literal("incremental", b), ...indexed(62)), [b, b]);
  assert.deepEqual(read(reader, ...resized(0), ...resized(4096)), []);
  refused(reader, indexed(62));
});

Deno.test("HpackReader.read() rejects a table size that is too large, or an update after a field", () => {
  refused(new HpackReader(), resized(4097));
  refused(new HpackReader(), [...indexed(2), ...resized(4096)]);
});

Deno.test("HpackReader.read() rejects an index without an entry", () => {
  for (const index of [0, 62, 63, 4096, 2 ** 20]) refused(new HpackReader(), indexed(index));
  for (const representation of ["incremental", "plain", "never"] as const) {
    refused(new HpackReader(), [...head(representation, 62), ...text("")]);
  }
});

Deno.test("HpackReader.read() rejects unterminated and too large integers, and truncated strings", () => {
  for (const first of [0xff, 0x7f, 0x3f, 0x1f, 0x0f]) {
    for (const rest of [[], [0x80], new Array(40).fill(0x80), new Array(4).fill(0xff), [255, 255, 255, 255, 127]]) {
      refused(new HpackReader(), [first, ...rest]);
    }
  }
  for (const representation of ["incremental", "plain", "never"] as const) {
    for (const packed of [false, true]) {
      const whole = literal(representation, ["name", "a value of some length"], packed);
      for (let at = 1; at < whole.length; at++) refused(new HpackReader(), whole.slice(0, at));
    }
  }
});

Deno.test("HpackReader.read() decodes never-indexed literals without adding entries", () => {
  const reader = new HpackReader();
  const secret: Pair = ["password", "secret"];
  for (const representation of ["never", "plain"] as const) {
    assert.deepEqual(read(reader, ...literal(representation, secret), ...literal(representation, secret, true)), [
      secret,
      secret,
    ]);
    const named = [...head(representation, 23), ...text("secret")];
    assert.deepEqual(read(reader, ...named), [["authorization", "secret"]]);
  }
  refused(reader, indexed(62));
});

Deno.test("HpackReader.read() rejects a block that decodes to more than the announced maximum", () => {
  const sized = (size: number): Pair => ["n", "v".repeat(size - 32 - 1)];
  const others = new Array(maxHeaderList / 4096 - 2).fill(indexed(62)).flat();
  const block = (last: number) => [...literal("incremental", sized(4096)), ...others, ...literal("plain", sized(last))];
  assert.equal(read(new HpackReader(), ...block(4096)).length, maxHeaderList / 4096);
  refused(new HpackReader(), block(4097), "ENHANCE_YOUR_CALM");
  assert.deepEqual(read(new HpackReader(), ...literal("plain", sized(maxHeaderList))), [sized(maxHeaderList)]);
  refused(new HpackReader(), literal("plain", sized(maxHeaderList + 1)), "ENHANCE_YOUR_CALM");
});

const latin1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const staticNames = staticTable.map(([name]) => name);
const pair = fc.oneof(
  fc.tuple(latin1, latin1),
  fc.tuple(fc.constantFrom(...staticNames), fc.constantFrom("", ...[126, 127, 128, 255].map((n) => "v".repeat(n)))),
  fc.constantFrom(...staticTable),
  fc.tuple(fc.constantFrom("te", ":path", "n"), fc.constantFrom("trailers", "/", "v".repeat(4000), "v".repeat(5000))),
);

/** Whether headers are within the reader's limit, by the size of RFC 7541, section 4.1. */
function fits(sent: readonly (readonly [string, string])[]): boolean {
  return sent.reduce((size, [name, value]) => size + name.length + value.length + 32, 0) <= maxHeaderList;
}

Deno.test("HpackReader.read() decodes blocks of headerBlock(), which add no entries", () => {
  fc.assert(fc.property(fc.array(pair, { maxLength: 8 }).filter(fits), (sent) => {
    const reader = new HpackReader();
    assert.deepEqual(reader.read(Buffer.from(headerBlock(sent))), sent.map(([name, value]) => fieldOf(name, value)));
    refused(reader, indexed(62));
  }));
  assert.deepEqual([...headerBlock([[":status", "200"]])], [0x88]);
});

/** Writes blocks with all representations that a client may use. A number with each field selects one. */
class Client {
  /** Newest entry first. */
  #incremental: Pair[] = [];
  #most = 4096;

  resize(most: number): number[] {
    this.#most = most;
    this.#forget();
    return resized(most);
  }

  write({ pair: [name, value], representation, pick, packed }: Choice): number[] {
    const known = [...staticTable, ...this.#incremental];
    const named = known.flatMap((one, i) => one[0] === name ? [i + 1] : []);
    const whole = named.filter((index) => known[index - 1]?.[1] === value);
    if (representation === "indexed" && whole.length > 0) return indexed(whole[pick % whole.length] ?? 0);
    const form = representation === "indexed" ? "incremental" : representation;
    if (form === "incremental") {
      this.#incremental.unshift([name, value]);
      this.#forget();
    }
    const index = [0, ...named][pick % (named.length + 1)] ?? 0;
    return [...head(form, index), ...index === 0 ? text(name, packed) : [], ...text(value, packed)];
  }

  #forget(): void {
    const size = () => this.#incremental.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (size() > this.#most) this.#incremental.pop();
  }
}

interface Choice {
  readonly pair: Pair;
  readonly representation: Representation;
  readonly pick: number;
  readonly packed: boolean;
}

Deno.test("HpackReader.read() stays in step with a client that uses all representations, over several blocks", () => {
  const representation = fc.constantFrom(...Object.keys(representations) as Representation[]);
  const few = fc.constantFrom<Pair>(["a", "1"], ["a", "2"], ["b", "1"], ["c", "v".repeat(1500)]);
  const choice = fc.record({ pair: fc.oneof(few, few, pair), representation, pick: fc.nat(70), packed: fc.boolean() });
  const resizes = fc.array(fc.oneof(fc.nat(4096), fc.constantFrom(0, 4096)), { maxLength: 2 });
  const fitting = (choices: readonly Choice[]) => fits(choices.map(({ pair }) => pair));
  const block = fc.record({ resizes, choices: fc.array(choice, { maxLength: 8 }).filter(fitting) });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 8 }), (blocks) => {
      const [client, reader] = [new Client(), new HpackReader()];
      for (const { resizes, choices } of blocks) {
        const bytes = [...resizes.map((most) => client.resize(most)), ...choices.map((one) => client.write(one))]
          .flat();
        assert.deepEqual(read(reader, ...bytes), choices.map((one) => one.pair));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("HpackReader.read() reads nothing before and after a block", () => {
  const sent = literal("incremental", ["name", "value"], true);
  const around = Buffer.concat([Buffer.from(sent), Buffer.from(sent), Buffer.from(sent)]);
  const [from, to] = [sent.length, 2 * sent.length];
  assert.deepEqual(pairs(new HpackReader().read(around, from, to)), [["name", "value"]]);
  for (let end = from + 1; end < to; end++) {
    assert.throws(() => new HpackReader().read(around, from, end), ConnectionError, `${end}`);
  }
  const [first = 0, ...rest] = resized(32);
  assert.throws(() => new HpackReader().read(Buffer.of(first, ...rest), 0, 1), ConnectionError);
});

Deno.test("HpackReader.read() returns fields or throws a ConnectionError for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void readAny(bytes)), { numRuns: 3000 });
});
