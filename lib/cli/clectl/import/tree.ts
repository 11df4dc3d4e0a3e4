/**
 * Trees of folders: an object is a folder, and its texts are the fields of a secret with the path of the folder.
 *
 * @module
 */
import { isJsonObject } from "../exact_json.ts";
import { type ImportBuilder, type ImportedField, importFileLimits } from "./rows.ts";

/** Values other than texts: refused, or taken as JSON. */
interface TreeOptions {
  readonly json: boolean;
}

/** Adds the secrets of a tree. @param path of the tree itself; empty for the root. */
export function addTree(builder: ImportBuilder, tree: unknown, path: string, options: TreeOptions, depth = 0): void {
  const place = path === "" ? "the top" : `"${path}"`;
  if (!isJsonObject(tree) || depth > importFileLimits.depth) {
    return builder.complain(place, "it is not a tree of objects");
  }
  const fields: ImportedField[] = [];
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value === "string") fields.push({ name, kind: "text", value });
    else if (isFolder(value)) addTree(builder, value, path === "" ? name : `${path}/${name}`, options, depth + 1);
    else if (options.json && value !== null) fields.push({ name, kind: "json", value: JSON.stringify(value) });
    else builder.complain(place, `its value ${JSON.stringify(name)} is not a text`);
  }
  if (fields.length === 0) return;
  if (path === "") return builder.complain(place, "its texts have no path: name one with --path");
  builder.add(place, path, fields);
}

function isFolder(value: unknown): boolean {
  return isJsonObject(value) && !(value instanceof Date);
}
