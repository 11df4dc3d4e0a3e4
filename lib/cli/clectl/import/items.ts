/**
 * Rows as the items of a request, each with its canonical path.
 *
 * @module
 */
import { utf8 } from "../../../base/bytes.ts";
import { secretLimits } from "../../../api/keyring/fields.ts";
import { type FolderPath, type SecretPath, secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { ImportComplaint, ImportedRow } from "./rows.ts";

/** A secret to write. */
export interface ImportableSecret {
  /** Its place in the file. */
  readonly place: string;
  readonly path: SecretPath;
  /** The item of the request, JSON. */
  readonly json: string;
}

/** The items, and complaints about rows that cannot be one. */
export interface ImportItems {
  readonly items: readonly ImportableSecret[];
  readonly complaints: readonly ImportComplaint[];
}

/** @param below the folder that all paths are put in; empty for none. */
export function importItems(rows: readonly ImportedRow[], below: FolderPath): ImportItems {
  const [items, complaints]: [ImportableSecret[], ImportComplaint[]] = [[], []];
  const places = new Map<SecretPath, string>();
  for (const row of rows) {
    const { place } = row;
    try {
      const path = secretPath(`${below}${row.path}`);
      const first = places.get(path);
      const json = itemText(row, path);
      const why = first !== undefined ? `it has the path of ${first}` : whyTooLarge(row, json);
      if (why !== undefined) complaints.push({ place, why });
      else items.push({ place, path, json });
      places.set(path, first ?? place);
    } catch (thrown) {
      if (!(thrown instanceof KeyringError)) throw thrown;
      complaints.push({ place, why: thrown.message.replace(/\.$/, "") });
    }
  }
  return { items, complaints };
}

function itemText({ fields, labels }: ImportedRow, path: SecretPath): string {
  const texts = fields.map(({ name, kind, value }) =>
    `${JSON.stringify(name)}:{"kind":"${kind}","value":${kind === "json" ? value : JSON.stringify(value)}}`
  );
  const more = Object.keys(labels).length === 0 ? "" : `,"labels":${JSON.stringify(labels)}`;
  return `{"path":${JSON.stringify(path)},"fields":{${texts.join(",")}}${more}}`;
}

function whyTooLarge({ fields, labels }: ImportedRow, json: string): string | undefined {
  if (fields.length > secretLimits.fields) return `it has more than ${secretLimits.fields} fields`;
  if (Object.keys(labels).length > secretLimits.labels) return `it has more than ${secretLimits.labels} labels`;
  if (json.length <= secretLimits.totalBytes / 4) return undefined;
  const bytes = fields.reduce((sum, { name, value }) => sum + utf8(name).length + utf8(value).length, 0);
  return bytes > secretLimits.totalBytes * 4 / 3 ? `it has more than ${secretLimits.totalBytes} bytes` : undefined;
}
