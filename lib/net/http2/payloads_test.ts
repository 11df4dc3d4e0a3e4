import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ConnectionError, StreamError } from "./errors.ts";
import { frameTypes, type Http2Frame } from "./frames.ts";
import * as payloads from "./payloads.ts";

const before = 5;

interface Sent {
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
  /** Value of all bytes around the payload. */
  readonly beside?: number;
}

/** A frame between other bytes. */
function frame(type: keyof typeof frameTypes, { flags, stream, payload, beside = 0xff }: Sent): Http2Frame {
  const around = Buffer.alloc(before, beside);
  const bytes = Buffer.concat([around, payload, around]);
  return { type: frameTypes[type], flags, stream, bytes, from: before, to: before + payload.length };
}

function partOf({ bytes }: Http2Frame, { from, to }: payloads.Part): string {
  return bytes.toString("hex", from, to);
}

/** The result of each frame type's reader, as text for a table. */
const readers = {
  DATA: (one) => partOf(one, payloads.bodyPart(one)),
  HEADERS: (one) => {
    const part = payloads.blockPart(one);
    return partOf(one, part) + (part.dependsOnItself ? " on itself" : "");
  },
  PRIORITY: (one) => payloads.checkPriority(one) ?? "good",
  RST_STREAM: (one) => payloads.checkReset(one) ?? "good",
  SETTINGS: (one) => [...payloads.settingsIn(one)].map(([id, value]) => `${id}=${value}`).join(),
  PING: (one) => payloads.checkPing(one) ?? "good",
  GOAWAY: (one) => payloads.checkGoAway(one) ?? "good",
  WINDOW_UPDATE: (one) => `${payloads.incrementIn(one)}`,
} satisfies Partial<Record<keyof typeof frameTypes, (frame: Http2Frame) => string>>;

function outcome(type: keyof typeof readers, sent: Sent): string {
  try {
    return readers[type](frame(type, sent));
  } catch (thrown) {
    if (thrown instanceof ConnectionError) return `connection ${thrown.code}`;
    assert.ok(thrown instanceof StreamError, String(thrown));
    assert.equal(thrown.stream, sent.stream);
    return `stream ${thrown.code}`;
  }
}

const offStream = "connection PROTOCOL_ERROR";
const wrongSize = "connection FRAME_SIZE_ERROR";
const overPadded = "connection PROTOCOL_ERROR";
const outOfBounds = "connection PROTOCOL_ERROR";

type Row = readonly [flags: number, stream: number, payload: string, outcome: string];

const tables: Readonly<Record<keyof typeof readers, readonly Row[]>> = {
  DATA: [
    [0, 1, "", ""],
    [1, 1, "616263", "616263"],
    [0, 0, "616263", offStream],
    [8, 1, "00616263", "616263"],
    [8, 1, "0261620000", "6162"],
    [8, 1, "0361620000", "61"],
    [8, 1, "0461620000", ""],
    [8, 1, "0561620000", overPadded],
    [8, 1, "ff61620000", overPadded],
    [8, 1, "00", ""],
    [8, 1, "01", overPadded],
    [8, 1, "", wrongSize],
    [8, 0, "", offStream],
    // The PRIORITY bit has no meaning in DATA.
    [32, 1, "61", "61"],
  ],
  HEADERS: [
    [4, 1, "", ""],
    [5, 1, "828684", "828684"],
    [4, 0, "828684", offStream],
    [8, 1, "0182868400", "828684"],
    [8, 1, "04828684ff", ""],
    [8, 1, "05828684ff", overPadded],
    [8, 1, "", wrongSize],
    [32, 1, "0000000310828684", "828684"],
    [32, 1, "0000000310", ""],
    [32, 1, "0000000110828684", "828684 on itself"],
    [32, 1, "8000000110828684", "828684 on itself"],
    [0, 1, "0000000110", "0000000110"],
    [32, 1, "00000003", wrongSize],
    [32, 1, "", wrongSize],
    [40, 1, "01000000031082868400", "828684"],
    [40, 1, "01800000011082868400", "828684 on itself"],
    [40, 1, "000000000310", ""],
    [40, 1, "04000000031082868400", ""],
    [40, 1, "05000000031082868400", overPadded],
    [40, 1, "01000000031000", ""],
    [40, 1, "010000000310", overPadded],
    [40, 1, "0000000003", wrongSize],
  ],
  PRIORITY: [
    [0, 3, "0000000110", "good"],
    [0, 3, "0000000010", "good"],
    [0, 0, "0000000110", offStream],
    [0, 3, "00000001", "connection FRAME_SIZE_ERROR"],
    [0, 3, "", "connection FRAME_SIZE_ERROR"],
    [0, 3, "000000011000", "connection FRAME_SIZE_ERROR"],
    [0, 3, "0000000310", "connection PROTOCOL_ERROR"],
    [0, 3, "8000000310", "connection PROTOCOL_ERROR"],
  ],
  RST_STREAM: [
    [0, 1, "00000008", "good"],
    [0, 1, "ffffffff", "good"],
    [0, 0, "00000008", offStream],
    [0, 1, "000008", wrongSize],
    [0, 1, "0000000800", wrongSize],
    [0, 1, "", wrongSize],
  ],
  SETTINGS: [
    [0, 0, "", ""],
    [1, 0, "", ""],
    [1, 0, "000300000001", wrongSize],
    [1, 0, "00", wrongSize],
    [0, 1, "", offStream],
    [1, 1, "", offStream],
    [0, 0, "000300000001000400000000", "4=0"],
    [0, 0, "000400000001000400000002", "4=2"],
    [0, 0, "0003000000", wrongSize],
    [0, 0, "00030000000100", wrongSize],
    [0, 0, "000200000000", ""],
    [0, 0, "000200000001", ""],
    [0, 0, "000200000002", outOfBounds],
    [0, 0, "00047fffffff", "4=2147483647"],
    [0, 0, "000480000000", "connection FLOW_CONTROL_ERROR"],
    [0, 0, "0004ffffffff", "connection FLOW_CONTROL_ERROR"],
    [0, 0, "000500004000", "5=16384"],
    [0, 0, "000500003fff", outOfBounds],
    [0, 0, "000500ffffff", "5=16777215"],
    [0, 0, "000501000000", outOfBounds],
    [0, 0, "0001ffffffff0006ffffffff", ""],
    [0, 0, "abcdffffffff", ""],
    [0, 0, "000000000000", ""],
    // A valid value before it makes no difference.
    [0, 0, "000200000001000200000002", outOfBounds],
    // Nor does a valid value after it.
    [0, 0, "000480000000000400000001", "connection FLOW_CONTROL_ERROR"],
  ],
  PING: [
    [0, 0, "0102030405060708", "good"],
    [1, 0, "0102030405060708", "good"],
    [0, 1, "0102030405060708", offStream],
    [0, 0, "01020304050607", wrongSize],
    [0, 0, "010203040506070809", wrongSize],
    [1, 0, "", wrongSize],
  ],
  GOAWAY: [
    [0, 0, "0000000100000000", "good"],
    [0, 0, "000000010000000b746f6f206d616e79", "good"],
    [0, 1, "0000000100000000", offStream],
    [0, 0, "00000001000000", wrongSize],
    [0, 0, "", wrongSize],
  ],
  WINDOW_UPDATE: [
    [0, 0, "00000001", "1"],
    [0, 1, "7fffffff", "2147483647"],
    [0, 1, "80000001", "1"],
    [0, 0, "00000000", "connection PROTOCOL_ERROR"],
    [0, 0, "80000000", "connection PROTOCOL_ERROR"],
    [0, 1, "00000000", "stream PROTOCOL_ERROR"],
    [0, 1, "80000000", "stream PROTOCOL_ERROR"],
    [0, 1, "000001", wrongSize],
    [0, 1, "0000000100", wrongSize],
    [0, 0, "", wrongSize],
  ],
};

const names = Object.keys(readers) as (keyof typeof readers)[];

for (const type of names) {
  Deno.test(`${type} is read, or rejected with the error code of RFC 9113`, () => {
    for (const [flags, stream, payload, expected] of tables[type]) {
      const actual = outcome(type, { flags, stream, payload: Buffer.from(payload, "hex") });
      assert.equal(actual, expected, `flags ${flags}, stream ${stream}, payload ${payload}`);
    }
  });

  Deno.test(`${type} is read or rejected for any payload, independent of the bytes around it`, () => {
    const stream = fc.oneof(fc.nat(3), fc.nat(2 ** 31 - 1));
    const sent = fc.record({ flags: fc.nat(255), stream, payload: fc.uint8Array({ maxLength: 24 }) });
    fc.assert(
      fc.property(sent, (one) => {
        assert.equal(outcome(type, one), outcome(type, { ...one, beside: 0 }));
      }),
      { numRuns: 500 },
    );
  });
}
