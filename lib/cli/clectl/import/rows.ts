/**
 * Rows of a file that is imported, and the complaints about them.
 *
 * @module
 */
import { type FieldKind, fieldNamePattern, labelNamePattern } from "../../../api/keyring/fields.ts";

/** Limits of an import. */
export const importFileLimits = {
  /** Maximum size of the file: 16 MiB. */
  packedBytes: 16 * 1024 * 1024,
  /** Maximum size of all parts of a workbook after they are unpacked: 128 MiB. */
  unpackedBytes: 128 * 1024 * 1024,
  /** Maximum number of rows. */
  rows: 100_000,
  /** Maximum depth of nested folders and objects. */
  depth: 64,
} as const;

/** A field of a row. `text` and `json` values are texts, `bytes` values are base64. */
export interface ImportedField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly value: string;
}

/** A secret that a file contains. */
export interface ImportedRow {
  /** Its place in the file, for messages: `line 3`, `cell B7`, `entry "Mail"`. */
  readonly place: string;
  /** As the file has it; it is validated later. */
  readonly path: string;
  readonly fields: readonly ImportedField[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A complaint. It contains no value. */
export interface ImportComplaint {
  readonly place: string;
  /** The end of a sentence, without its full stop. */
  readonly why: string;
}

/** The content of a file. */
export interface ImportedFile {
  readonly rows: readonly ImportedRow[];
  /** Any of them refuses the whole file. */
  readonly complaints: readonly ImportComplaint[];
  /** Parts that are left out on purpose, such as a recycle bin. */
  readonly leftOut: readonly ImportComplaint[];
}

/** Options that readers share. */
export interface ReaderOptions {
  /** The path of the secret, for formats without paths. */
  readonly path?: string;
  /** The sheet of a workbook. */
  readonly sheet?: string;
}

/** Reads the bytes of a file. It throws nothing but {@linkcode UnreadableImportError}. */
export type ImportReader = (bytes: Uint8Array, options: ReaderOptions) => Promise<ImportedFile>;

/** The file as a whole cannot be read. The message is the end of a sentence and contains nothing of the file. */
export class UnreadableImportError extends Error {
  override readonly name = "UnreadableImportError";
}

/** Collects rows and complaints. */
export class ImportBuilder {
  readonly #rows: ImportedRow[] = [];
  readonly #complaints: ImportComplaint[] = [];
  readonly #leftOut: ImportComplaint[] = [];

  /** Adds a row. Fields without a value are left out; a row without any is a complaint. */
  add(
    place: string,
    path: string,
    fields: readonly ImportedField[],
    labels: Readonly<Record<string, string>> = {},
  ): void {
    if (this.#rows.length >= importFileLimits.rows) {
      throw new UnreadableImportError(`it has more than ${importFileLimits.rows} secrets`);
    }
    const filled = fields.filter(({ value }) => value !== "");
    for (const why of whyFieldsRefused(filled)) this.complain(place, why);
    for (const name of Object.keys(labels)) {
      if (!labelNamePattern.test(name)) this.complain(place, `its label ${JSON.stringify(name)} has no valid name`);
    }
    if (filled.length === 0) this.complain(place, "it has no value");
    this.#rows.push({ place, path, fields: filled, labels });
  }

  complain(place: string, why: string): void {
    // One file can have a complaint in each cell.
    if (this.#complaints.length < maxComplaints) this.#complaints.push({ place, why });
  }

  leaveOut(place: string, why: string): void {
    if (this.#leftOut.length < maxComplaints) this.#leftOut.push({ place, why });
  }

  /** @throws {UnreadableImportError} if there is neither a row nor a complaint. */
  end(): ImportedFile {
    if (this.#rows.length + this.#complaints.length === 0) throw new UnreadableImportError("it has no secrets in it");
    return { rows: this.#rows, complaints: this.#complaints, leftOut: this.#leftOut };
  }
}

const maxComplaints = 1000;

function whyFieldsRefused(fields: readonly ImportedField[]): readonly string[] {
  const names = fields.map(({ name }) => name);
  const doubled = names.find((name, at) => names.indexOf(name) !== at);
  const invalid = names.filter((name) => !fieldNamePattern.test(name));
  return [
    ...(doubled === undefined ? [] : [`it has the field ${JSON.stringify(doubled)} twice`]),
    ...invalid.map((name) => `its field ${JSON.stringify(name)} has no valid name`),
  ];
}

/** A field of text. */
export function textOf(name: string, value: string): ImportedField {
  return { name, kind: "text", value };
}

/** The name of a field for a title of another program: white space becomes `_`. */
export function fieldNameOf(title: string): string {
  return title.trim().replace(/\s+/g, "_");
}
