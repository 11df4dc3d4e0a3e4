/**
 * The formats of an import.
 *
 * @module
 */
import { UsageError } from "../../command.ts";
import { readBitwarden } from "./bitwarden.ts";
import { readCsv } from "./csv.ts";
import { readDotenv } from "./dotenv.ts";
import { readJsonRows, readVaultRows } from "./json_rows.ts";
import { readKeepass } from "./keepass.ts";
import type { ImportReader, ReaderOptions } from "./rows.ts";
import { readXls, readXlsx } from "./sheets.ts";
import { readSops } from "./sops.ts";

/** The readers by the names of `--format`. */
export const importReaders = {
  csv: readCsv,
  xlsx: readXlsx,
  xls: readXls,
  json: readJsonRows,
  dotenv: readDotenv,
  keepass: readKeepass,
  bitwarden: readBitwarden,
  vault: readVaultRows,
  sops: readSops,
} as const satisfies Readonly<Record<string, ImportReader>>;

/** A row of {@linkcode importReaders}. */
export type ImportFormat = keyof typeof importReaders;

const byEnding: Readonly<Record<string, ImportFormat>> = {
  csv: "csv",
  tsv: "csv",
  xlsx: "xlsx",
  xls: "xls",
  json: "json",
  env: "dotenv",
  xml: "keepass",
};

/** The formats that take an option. */
const formatsOfOption = {
  path: ["dotenv", "vault", "sops"],
  sheet: ["xlsx", "xls"],
} as const satisfies Readonly<Record<keyof ReaderOptions, readonly ImportFormat[]>>;

/** @throws {UsageError} for an option that the format would not heed. */
export function refuseOtherOptions(format: ImportFormat, options: ReaderOptions): void {
  for (const name of ["path", "sheet"] as const) {
    const formats: readonly ImportFormat[] = formatsOfOption[name];
    if (options[name] === undefined || formats.includes(format)) continue;
    throw new UsageError(`--${name} is for the formats ${formats.join(", ")}, and not for ${format}.`, "import");
  }
}

/** The format of a file by its name. @throws {UsageError} if the name does not say it. */
export function formatOf(path: string): ImportFormat {
  const [, ending = ""] = /\.([A-Za-z]+)$/.exec(path) ?? [];
  const format = byEnding[ending.toLowerCase()];
  if (format !== undefined) return format;
  throw new UsageError(
    `The name of the file does not say its format: use --format ${Object.keys(importReaders).join("|")}.`,
  );
}
