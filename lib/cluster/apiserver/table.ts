/**
 * Objects as rows of a Table, the form in which an answer of the API server has names and columns but no object.
 *
 * `PartialObjectMetadata` has annotations, and `kubectl apply` stores the whole object in one of them. Therefore no other
 * form than a Table without objects is accepted here.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { field } from "../../net/https/fields.ts";

/** The media type of a Table (`meta.k8s.io/v1`). */
export const tableType = "application/json;as=Table;g=meta.k8s.io;v=v1";

/** The query parameter without which a row has the metadata of its object. */
export const withoutObjects = "includeObject=None";

/** A Table without its columns. */
export interface NamedTable {
  /** The names of the objects, in the order of etcd. */
  readonly names: readonly string[];
  /** The revision of the list, or of the one object; `undefined` if it is no number. */
  readonly revision: number | undefined;
  /** The token of the next page; `undefined` on the last one. */
  readonly continueToken: string | undefined;
  /** Number of objects on later pages, if the API server counted them. */
  readonly remaining: number | undefined;
}

/**
 * Reads the answer to a request for {@linkcode tableType} with {@linkcode withoutObjects}.
 *
 * @param action the operation in messages.
 * @throws {KmsError} `provider_protocol` if the answer is no Table, or if a row has an object. The message contains
 *   nothing of the answer.
 */
export function readTable(body: unknown, action: string): NamedTable {
  const rows = field(body, "rows") ?? [];
  if (field(body, "kind") !== "Table" || field(body, "apiVersion") !== "meta.k8s.io/v1" || !Array.isArray(rows)) {
    throw noTable(action);
  }
  if (rows.some((row) => field(row, "object") !== undefined)) {
    throw new KmsError("provider_protocol", `Cannot ${action}: the API server answered a Table with objects in it.`);
  }
  const column = rows.length === 0 ? 0 : nameColumn(field(body, "columnDefinitions"), action);
  const metadata = field(body, "metadata");
  const [token, remaining] = [field(metadata, "continue"), field(metadata, "remainingItemCount")];
  return {
    names: rows.map((row) => nameIn(field(row, "cells"), column, action)),
    revision: revisionOf(field(metadata, "resourceVersion")),
    continueToken: typeof token === "string" && token !== "" ? token : undefined,
    remaining: typeof remaining === "number" && Number.isSafeInteger(remaining) ? remaining : undefined,
  };
}

/**
 * The column that the API server marks as the object's name. Kubernetes 1.36.3 does not mark it in the
 * table of storageversionmigrations, but calls it Name.
 */
function nameColumn(definitions: unknown, action: string): number {
  const columns = (Array.isArray(definitions) ? definitions : []).map((one) =>
    ["type", "format", "name"].map((key) => field(one, key))
  );
  const marked = columns.findIndex(([type, format]) => type === "string" && format === "name");
  const index = marked >= 0 ? marked : columns.findIndex(([type, , name]) => type === "string" && name === "Name");
  if (index < 0) throw noTable(action);
  return index;
}

function nameIn(cells: unknown, column: number, action: string): string {
  const name: unknown = Array.isArray(cells) ? cells[column] : undefined;
  if (typeof name === "string" && name !== "" && !name.includes("/")) return name;
  throw noTable(action);
}

function revisionOf(text: unknown): number | undefined {
  const number = typeof text === "string" && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

function noTable(action: string): KmsError {
  return new KmsError("provider_protocol", `Cannot ${action}: the API server did not answer a Table of names.`);
}
