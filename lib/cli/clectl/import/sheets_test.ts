import { deepEqual, match, ok, throws } from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { type CellObject, utils, type WorkSheet, write } from "@e965/xlsx";
import { concat, utf8 } from "../../../base/bytes.ts";
import { UnreadableImportError } from "./rows.ts";
import { readXls, readXlsx } from "./sheets.ts";
import { storedArchive } from "./zip_archive.ts";

type Kind = "xlsx" | "xls";

function workbook(kind: Kind, cells: Readonly<Record<string, CellObject>>, name = "Passwords"): Uint8Array {
  const sheet: WorkSheet = utils.aoa_to_sheet([["path", "password", "url"]]);
  for (const [address, cell] of Object.entries(cells)) sheet[address] = cell;
  sheet["!ref"] = "A1:D9";
  const book = utils.book_new();
  utils.book_append_sheet(book, sheet, name);
  utils.book_append_sheet(book, utils.aoa_to_sheet([["path", "pin"], ["b", "1"]]), "Second");
  const bookType = kind === "xlsx" ? "xlsx" : "biff8";
  return new Uint8Array(write(book, { type: "array", bookType, compression: true }));
}

const reading = { xlsx: readXlsx, xls: readXls } as const;
const text = (v: string): CellObject => ({ t: "s", v });

for (const kind of ["xlsx", "xls"] as const) {
  Deno.test(`the reader of ${kind} takes cells with text, of the first or the named sheet`, async () => {
    const bytes = workbook(kind, {
      A2: text("db/a"),
      B2: text("00123"),
      C2: text("https://a"),
      A5: text("ü"),
      B5: text("€ x"),
    });
    const { rows, complaints } = await reading[kind](bytes, {});
    deepEqual(complaints, []);
    deepEqual(rows.map(({ place, path, fields }) => [place, path, ...fields.map(({ value }) => value)]), [
      ["row 2", "db/a", "00123", "https://a"],
      ["row 5", "ü", "€ x"],
    ]);
    const second = await reading[kind](bytes, { sheet: "Second" });
    deepEqual(second.rows.map(({ path }) => path), ["b"]);
  });

  Deno.test(`the reader of ${kind} refuses numbers, dates, truth values, errors and padded texts by their cells`, async () => {
    const bytes = workbook(kind, {
      A2: text("a"),
      B2: { t: "n", v: 123 },
      A3: text("b"),
      B3: { t: "n", v: 45_000, z: "yyyy-mm-dd" },
      A4: text("c"),
      B4: { t: "b", v: true },
      A5: text("d"),
      B5: { t: "e", v: 7 },
      A6: text("e"),
      B6: text(" x"),
      A7: { t: "n", v: 5 },
      B7: text("x"),
      A8: text("f"),
      B8: text("x"),
      C8: { t: "s", v: "https://shown.example", l: { Target: "https://other.example" } },
    });
    const { complaints } = await reading[kind](bytes, {});
    const cells = complaints.filter(({ place }) => place.startsWith("cell")).map(({ place }) => place);
    deepEqual(cells, ["cell B2", "cell B3", "cell B4", "cell B5", "cell B6", "cell A7", "cell C8"]);
    for (const why of [/a number/, /a date/, /true or false/, /an error/, /white space/, /link to another/]) {
      ok(complaints.some((one) => why.test(one.why)), String(why));
    }
  });

  Deno.test(`the reader of ${kind} refuses other files and sheets that are absent`, async () => {
    const refused = (read: () => unknown) =>
      throws(read, (thrown) => thrown instanceof UnreadableImportError && !/secret/.test(thrown.message));
    refused(() => reading[kind](utf8("path,secret\n"), {}));
    refused(() => reading[kind](new Uint8Array(), {}));
    let thrown: unknown;
    try {
      await reading[kind](workbook(kind, {}), { sheet: "None" });
    } catch (error) {
      thrown = error;
    }
    match(String(thrown), /no sheet "None"/);
  });
}

Deno.test("the reader of xlsx refuses formulas, also with a text as their result, and escapes such as _x0041_", async () => {
  const bytes = workbook("xlsx", {
    A2: text("a"),
    B2: { t: "s", v: "shown", f: 'CONCATENATE("sh","own")' },
    A3: text("b"),
    B3: text("_x0041_bc"),
  });
  // The library writes the text as it is, so that the file has the escape of an A.
  const { complaints } = await readXlsx(bytes, {});
  deepEqual(complaints.filter(({ place }) => place.startsWith("cell")).map(({ place, why }) => `${place} ${why}`), [
    "cell B2 it is a formula; type its value as text",
    "cell B3 it is a text with an escape such as _x0041_, which programs show differently; type it again",
  ]);
});

/** A ZIP archive of one part, deflated. @param size the size that its headers claim. */
function archive(content: Uint8Array, size = content.length, crc?: number): Uint8Array {
  const packed = new Uint8Array(deflateRawSync(content));
  const stored = storedArchive(emptyArchive());
  const local = new DataView(new ArrayBuffer(30));
  const row = new DataView(new ArrayBuffer(46));
  const checksum = crc ?? crcOf(content);
  for (const [view, signature, at] of [[local, 0x04034b50, 8], [row, 0x02014b50, 10]] as const) {
    view.setUint32(0, signature, true);
    view.setUint16(at, 8, true);
    view.setUint32(at + 6, checksum, true);
    view.setUint32(at + 10, packed.length, true);
    view.setUint32(at + 14, size, true);
    view.setUint16(at + 18, 1, true);
  }
  const name = utf8("a");
  const end = new DataView(stored.slice().buffer);
  end.setUint16(8, 1, true);
  end.setUint16(10, 1, true);
  end.setUint32(12, 47, true);
  end.setUint32(16, 31 + packed.length, true);
  return concat(
    new Uint8Array(local.buffer),
    name,
    packed,
    new Uint8Array(row.buffer),
    name,
    new Uint8Array(end.buffer),
  );
}

function emptyArchive(): Uint8Array {
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  return new Uint8Array(end.buffer);
}

function crcOf(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

Deno.test("storedArchive() measures what it unpacks, whatever the headers claim", () => {
  const content = new Uint8Array(10_000).fill(65);
  for (const claimed of [10_000, 1, 0xffffffff]) {
    const stored = storedArchive(archive(content, claimed));
    ok(stored.length > 10_000);
    deepEqual(storedArchive(stored), stored);
    throws(() => storedArchive(archive(content, claimed), undefined, 9_999), /larger than/);
  }
  throws(() => storedArchive(archive(content, 10_000, 1)), /not a whole workbook/);
});

Deno.test("storedArchive() refuses an archive that is cut off at any place", () => {
  const whole = archive(new Uint8Array(300).map((_, at) => at * 7));
  for (let length = 0; length < whole.length; length++) {
    throws(() => storedArchive(whole.subarray(0, length)), UnreadableImportError, `${length} bytes`);
  }
});
