/**
 * Tables with a header: columns of a CSV file or of a sheet as rows.
 *
 * @module
 */
import { fieldNamePattern } from "../../../api/keyring/fields.ts";
import { fieldNameOf, type ImportBuilder, textOf, UnreadableImportError } from "./rows.ts";

/** The meaning of a column. */
type Column =
  | { readonly role: "path" | "folder" | "title" }
  | { readonly role: "field" | "label"; readonly name: string }
  | { readonly role: "none" };

/** Titles of columns with a meaning of their own, in lower case. */
const roles: Readonly<Record<string, "path" | "folder" | "title">> = {
  path: "path",
  folder: "folder",
  group: "folder",
  grouping: "folder",
  title: "title",
  name: "title",
};

/** Prefix of a column with labels: `label:team`. */
const labelPrefix = "label:";

/** The columns of a header. */
export class Columns {
  readonly #columns: readonly Column[];

  /**
   * `path`, or `folder` and `title` (also named `group` and `name`); `label:NAME`; every other column is a field.
   *
   * @throws {UnreadableImportError} if the header names no path, or a column twice.
   */
  constructor(header: readonly string[]) {
    const titles = header.map((title) => title.trim());
    const doubled = titles.find((title, at) => title !== "" && titles.indexOf(title) !== at);
    if (doubled !== undefined) {
      throw new UnreadableImportError(`its header has the column ${JSON.stringify(doubled)} twice`);
    }
    const hasPath = titles.some((title) => title.toLowerCase() === "path");
    this.#columns = titles.map((title) => columnOf(title, hasPath));
    if (!this.#columns.some(({ role }) => role === "path" || role === "title")) {
      throw new UnreadableImportError('its first row has neither a column "path" nor a column "title"');
    }
  }

  /** Adds a row. @param cells as texts; an absent cell is empty. */
  add(builder: ImportBuilder, place: string, cells: readonly string[]): void {
    if (cells.length > this.#columns.length) {
      return builder.complain(place, `it has ${cells.length} cells, and the header has ${this.#columns.length}`);
    }
    const named = this.#columns.map((column, at) => ({ column, value: cells[at] ?? "" }));
    const one = (role: Column["role"]) => named.find(({ column }) => column.role === role)?.value ?? "";
    const stray = named.findIndex(({ column, value }) => column.role === "none" && value !== "");
    if (stray >= 0) builder.complain(place, `its cell ${stray + 1} stands below a column without a title`);
    const folder = one("folder").replace(/^\/+|\/+$/g, "");
    const path = one("path") || [folder, one("title")].filter((part) => part !== "").join("/");
    const fields = named.flatMap(({ column, value }) => column.role === "field" ? [textOf(column.name, value)] : []);
    const labels = named.flatMap(({ column, value }) =>
      column.role === "label" && value !== "" ? [[column.name, value] as const] : []
    );
    builder.add(place, path, fields, Object.fromEntries(labels));
  }
}

function columnOf(title: string, hasPath: boolean): Column {
  if (title === "") return { role: "none" };
  if (title.startsWith(labelPrefix)) return { role: "label", name: title.slice(labelPrefix.length) };
  const lower = title.toLowerCase();
  const role = Object.hasOwn(roles, lower) ? roles[lower] : undefined;
  // Beside a path, a folder or a name is a field.
  if (role !== undefined && (role === "path" || !hasPath)) return { role };
  const name = fieldNameOf(title);
  if (fieldNamePattern.test(name)) return { role: "field", name };
  throw new UnreadableImportError(`its column ${JSON.stringify(title.slice(0, 64))} is no valid name of a field`);
}
