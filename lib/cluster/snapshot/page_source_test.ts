import { deepEqual, equal, ok, throws } from "node:assert/strict";
import * as fc from "fast-check";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { PageSource } from "./page_source.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** Of pieces, each with 64 KiB: more than a source keeps. */
const pieces = 40;
const pieceBytes = 64 << 10;

/** A source of a file whose bytes tell their places. */
async function withSource(size: number, work: (source: PageSource, content: Uint8Array) => void): Promise<void> {
  await inFolder(async (folder) => {
    const content = Uint8Array.from({ length: size }, (_, at) => at ^ (at >> 8) * 7 ^ (at >> 16) * 13);
    await Deno.writeFile(`${folder}/file`, content);
    using source = PageSource.open(`${folder}/file`);
    work(source, content);
  });
}

Deno.test("PageSource.lend() gives any range of the file, in any order", async () => {
  await withSource(5 * pieceBytes + 100, (source, content) => {
    const range = fc.tuple(fc.nat(content.length), fc.nat(3 * pieceBytes));
    fc.assert(fc.property(fc.array(range, { maxLength: 30 }), (ranges) => {
      for (const [at, wanted] of ranges) {
        const length = Math.min(wanted, content.length - at);
        using lent = source.lend(at, length);
        deepEqual(lent.bytes, content.subarray(at, at + length));
      }
    }));
  });
});

Deno.test("PageSource.lend() refuses a range beyond the end", async () => {
  await withSource(1_000, (source) => {
    throws(() => source.lend(1, 1_000), SnapshotError);
    throws(() => source.readInto(1, new Uint8Array(1_000)), SnapshotError);
  });
});

Deno.test("a range that is lent keeps its bytes while the whole file is read", async () => {
  await withSource(pieces * pieceBytes, (source, content) => {
    using first = source.lend(100, 50);
    const large = source.lend(pieceBytes - 10, 2 * pieceBytes);
    for (let round = 0; round < 2; round++) {
      for (let piece = 0; piece < pieces; piece++) {
        using other = source.lend(piece * pieceBytes, pieceBytes);
        equal(other.bytes.length, pieceBytes);
      }
    }
    deepEqual(first.bytes, content.subarray(100, 150));
    deepEqual(large.bytes, content.subarray(pieceBytes - 10, 3 * pieceBytes - 10));
    large[Symbol.dispose]();
  });
});

Deno.test("memory is used again, and an array that was kept too long is empty instead of wrong", async () => {
  await withSource(pieces * pieceBytes, (source, content) => {
    const kept: Uint8Array[] = [];
    for (let piece = 0; piece < pieces; piece++) {
      using lent = source.lend(piece * pieceBytes, 100);
      kept.push(lent.bytes.subarray(0, 10));
    }
    const held = kept.flatMap((bytes, piece) => bytes.length === 0 ? [] : [{ bytes, piece }]);
    for (const { bytes, piece } of held) {
      deepEqual(bytes, content.subarray(piece * pieceBytes, piece * pieceBytes + 10), `${piece}`);
    }
    ok(held.length <= 16);
    ok(kept.every(({ length, [0]: byte }) => length === 10 || byte === undefined));
    const large = source.lend(0, 2 * pieceBytes);
    large[Symbol.dispose]();
    equal(large.bytes.length, 0);
  });
});

Deno.test("a source that has lent all its pieces reads others still", async () => {
  await withSource(pieces * pieceBytes, (source, content) => {
    using stack = new DisposableStack();
    const lent = Array.from({ length: pieces }, (_, piece) => stack.use(source.lend(piece * pieceBytes, 10)));
    for (const [piece, { bytes }] of lent.entries()) {
      deepEqual(bytes, content.subarray(piece * pieceBytes, piece * pieceBytes + 10));
    }
  });
});
