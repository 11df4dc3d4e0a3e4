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

/** The names in a Table. Its other cells are not read. */
export interface NamedTable {
  /** The names of the objects, in the order of etcd. */
  readonly names: readonly string[];
  /** The revision of the list, or of the one object; `undefined` if it is no number. */
  readonly revision: number | undefined;
  /** The token of the next page; `undefined` on the last one. */
  readonly continueToken: string | undefined;
  /** Number of objects on later pages, if the API server counted them. */
  readonly remaining: number | undefined;
  /**
   * The columns beside the name whose cells can be a field of the object: all but dates, which are shown as ages. A custom
   * resource defines them by `additionalPrinterColumns`, and no request leaves them out (k8s.io/apiextensions-apiserver
   * 0.36.3, `pkg/registry/customresource/tableconvertor`).
   */
  readonly fieldColumns: readonly string[];
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
  const columns = columnsIn(field(body, "columnDefinitions"));
  const column = nameColumn(columns);
  if (rows.length > 0 && column < 0) throw noTable(action);
  const metadata = field(body, "metadata");
  const [token, remaining] = [field(metadata, "continue"), field(metadata, "remainingItemCount")];
  return {
    names: rows.map((row) => nameIn(field(row, "cells"), column, action)),
    revision: revisionOf(field(metadata, "resourceVersion")),
    continueToken: typeof token === "string" && token !== "" ? token : undefined,
    remaining: typeof remaining === "number" && Number.isSafeInteger(remaining) ? remaining : undefined,
    fieldColumns: columns.flatMap(({ type, name }, at) =>
      typeof name === "string" && at !== column && type !== "date" ? [name] : []
    ),
  };
}

/**
 * The column that the API server marks as the object's name. Kubernetes 1.36.3 does not mark it in the
 * table of storageversionmigrations, but calls it Name.
 */
function nameColumn(columns: readonly Column[]): number {
  const marked = columns.findIndex(({ type, format }) => type === "string" && format === "name");
  return marked >= 0 ? marked : columns.findIndex(({ type, name }) => type === "string" && name === "Name");
}

interface Column {
  readonly type: unknown;
  readonly format: unknown;
  readonly name: unknown;
}

function columnsIn(definitions: unknown): readonly Column[] {
  return (Array.isArray(definitions) ? definitions : []).map((one) => {
    return { type: field(one, "type"), format: field(one, "format"), name: field(one, "name") };
  });
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
