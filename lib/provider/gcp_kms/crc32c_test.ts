import assert from "node:assert/strict";
import fc from "fast-check";
import { castagnoli } from "../../../tests/support/gcp_keys.ts";
import { utf8 } from "../../base/bytes.ts";
import { crc32c } from "./crc32c.ts";

/** RFC 3720, appendix B.4, and the standard check value of checksum catalogues. */
const vectors: readonly (readonly [what: string, bytes: Uint8Array, expected: number])[] = [
  ["nothing", new Uint8Array(), 0],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 times 0xff", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["0 to 31", Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
  ["31 to 0", Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  ["123456789", utf8("123456789"), 0xe3069283],
];

for (const [what, bytes, expected] of vectors) {
  Deno.test(`crc32c() of ${what}`, () => assert.equal(crc32c(bytes), expected));
}

Deno.test("crc32c() equals a bitwise calculation", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32c(bytes) === castagnoli(bytes)));
});
