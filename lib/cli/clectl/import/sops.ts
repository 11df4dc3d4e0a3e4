/**
 * Decrypted documents of SOPS, in YAML or JSON. SOPS writes unquoted scalars of YAML back changed (`007` as 7, a date as a
 * timestamp, long numbers rounded), so that only texts are taken.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { isJsonObject } from "../exact_json.ts";
import {
  ImportBuilder,
  type ImportedFile,
  importFileLimits,
  type ReaderOptions,
  UnreadableImportError,
} from "./rows.ts";
import { addTree } from "./tree.ts";

/** Reads a document as a tree. */
export async function readSops(bytes: Uint8Array, { path }: ReaderOptions): Promise<ImportedFile> {
  const text = utf8Text(bytes);
  if (text === undefined) throw new UnreadableImportError("it is not UTF-8");
  const value = await yamlValue(text);
  if (!isJsonObject(value)) throw new UnreadableImportError("it is no mapping");
  if ("sops" in value) throw new UnreadableImportError("it is still encrypted: take the output of sops decrypt");
  const builder = new ImportBuilder();
  addTree(builder, value, path ?? "", { json: false });
  return builder.end();
}

/** JSON is YAML too. By YAML 1.1 more scalars are no texts, so that none is taken that a reader changes. */
async function yamlValue(text: string): Promise<unknown> {
  const { parseDocument } = await import("../yaml_package.ts");
  try {
    const document = parseDocument(text, { version: "1.1", schema: "yaml-1.1", prettyErrors: false, stringKeys: true });
    if (document.errors.length > 0 || document.warnings.length > 0) {
      throw new UnreadableImportError("it is not YAML or JSON");
    }
    return document.toJS({ maxAliasCount: importFileLimits.depth });
  } catch {
    throw new UnreadableImportError("it is not YAML or JSON");
  }
}
