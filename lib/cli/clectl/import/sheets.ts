/**
 * Sheets of XLSX and XLS workbooks. Every program shows numbers, dates and formulas in its own way, so that none of them
 * is a credential: only cells with text are taken.
 *
 * @module
 */
import { utf8, utf8Text } from "../../../base/bytes.ts";
import { Columns } from "./columns.ts";
import {
  ImportBuilder,
  type ImportedFile,
  importFileLimits,
  type ReaderOptions,
  UnreadableImportError,
} from "./rows.ts";
import { isArchive, storedArchive } from "./zip_archive.ts";

/** The members of a cell of SheetJS that are read. */
interface SheetCell {
  readonly t: string;
  readonly v?: unknown;
  /** A formula, or the range of one that fills several cells. */
  readonly f?: string;
  readonly F?: string;
  readonly l?: { readonly Target?: string };
}

const kindsOfCell: Readonly<Record<string, string>> = {
  n: "a number; format the column as text and type the value again",
  d: "a date; format the column as text and type the value again",
  b: "true or false; format the column as text and type the value again",
  e: "an error",
};

/** Reads one sheet of an XLSX workbook. */
export function readXlsx(bytes: Uint8Array, options: ReaderOptions): Promise<ImportedFile> {
  if (!isArchive(bytes)) throw new UnreadableImportError("it is no XLSX workbook, or it has a password");
  return readWorkbook(storedArchive(bytes, withMarkedEscapes), options);
}

/** A noncharacter of Unicode. */
const escapeMark = "\ufdd0";

/**
 * Marks escapes such as `_x0041_` in texts (ECMA-376, part 1, 22.9.2.19). The library decodes them, and its cells do not
 * tell them from other characters.
 */
function withMarkedEscapes(name: string, content: Uint8Array): Uint8Array {
  if (!/^xl\/(sharedStrings|worksheets\/[^/]+)\.xml$/i.test(name)) return content;
  const text = utf8Text(content);
  return text === undefined ? content : utf8(text.replace(/_x[0-9A-Fa-f]{4}_/g, `${escapeMark}$&`));
}

/** Reads one sheet of an XLS workbook of Excel 97 to 2003. */
export function readXls(bytes: Uint8Array, options: ReaderOptions): Promise<ImportedFile> {
  const signature = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
  if (!signature.every((byte, at) => bytes[at] === byte)) throw new UnreadableImportError("it is no XLS workbook");
  return readWorkbook(bytes, options);
}

async function readWorkbook(bytes: Uint8Array, { sheet }: ReaderOptions): Promise<ImportedFile> {
  const { read, utils } = await import("@e965/xlsx");
  const book = parsed(() =>
    read(bytes, {
      type: "array",
      sheets: sheet ?? 0,
      dense: true,
      cellFormula: true,
      cellDates: true,
      sheetRows: importFileLimits.rows + 2,
    })
  );
  const found = book.Sheets[sheet ?? book.SheetNames[0] ?? ""];
  if (found === undefined) throw new UnreadableImportError(`it has no sheet ${JSON.stringify(sheet ?? "")}`);
  const rows: readonly (readonly (SheetCell | undefined)[] | undefined)[] = found["!data"] ?? [];
  const builder = new ImportBuilder();
  const texts = (row: readonly (SheetCell | undefined)[], r: number) => {
    if (row.length > maxColumns) throw new UnreadableImportError(`the sheet has more than ${maxColumns} columns`);
    return Array.from(row, (cell, c) => cellText(builder, `cell ${utils.encode_cell({ r, c })}`, cell));
  };
  const top = rows.findIndex((row) => row !== undefined && row.length > 0);
  const columns = new Columns(texts(rows[top] ?? [], top));
  rows.forEach((row, r) => {
    if (r <= top || row === undefined) return;
    const cells = texts(row, r);
    if (cells.some((text) => text !== "")) columns.add(builder, `row ${r + 1}`, cells);
  });
  return builder.end();
}

/** Maximum number of columns: a path and the fields of a secret. */
const maxColumns = 320;

/** The text of a cell; a complaint and an empty text for any other kind. */
function cellText(builder: ImportBuilder, place: string, cell: SheetCell | undefined): string {
  if (cell === undefined || cell.t === "z") return "";
  const why = whyCellRefused(cell);
  if (why !== undefined) builder.complain(place, `it is ${why}`);
  return why === undefined && typeof cell.v === "string" ? cell.v : "";
}

function whyCellRefused({ t, v, f, F, l }: SheetCell): string | undefined {
  if (f !== undefined || F !== undefined) return "a formula; type its value as text";
  if (t !== "s" || typeof v !== "string") return kindsOfCell[t] ?? "of a kind that is not known";
  const target = l?.Target;
  if (target !== undefined && target !== v && target !== `mailto:${v}` && target !== `${v}/`) {
    return "a link to another address than its text; remove the link";
  }
  if (v.includes(escapeMark)) {
    return "a text with an escape such as _x0041_, which programs show differently; type it again";
  }
  return v.trim() === v ? undefined : "a text with white space at its beginning or end, which some programs leave out";
}

/** The errors of the library repeat parts of the file. */
function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw new UnreadableImportError("it is not a workbook that can be read, or it has a password");
  }
}
