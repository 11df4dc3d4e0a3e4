/**
 * Lists names of objects page by page.
 *
 * @module
 */
import type { HttpAnswer } from "../../net/https/http_answer.ts";
import { type NamedTable, readTable, tableType, withoutObjects } from "../apiserver/table.ts";
import { type Collection, collectionPath, isBehind, resourceId } from "./object_names.ts";
import { askPatiently, type PatientCall } from "./patient_requests.ts";

/** A page of names, or the answer that refused it. */
export type Page = NamedTable | { readonly refused: HttpAnswer };

/** Names of one request. */
export const pageLength = 500;

/** Bytes of one page. A row has some hundred bytes; columns of custom resources can be longer. */
const maxPageBytes = 32 << 20;

/**
 * Pages of the names behind `after`. A collection that does not exist has none. When a page comes too late for the
 * revision of the first one (410), the list begins anew behind the last name.
 *
 * @param after a name; `""` for all. Names that were listed are behind each other in the order of etcd.
 * @throws {KmsError} as {@linkcode askPatiently} and {@linkcode readTable}.
 */
export async function* pagesOf(call: PatientCall, collection: Collection, after: string): AsyncGenerator<Page> {
  let [last, token]: [string, string | undefined] = [after, undefined];
  for (;;) {
    const answer = await askPage(call, collection, pageLength, restOf(token));
    if (answer.status === 410 && token !== undefined) {
      token = undefined;
      continue;
    }
    if (answer.status === 404) return;
    if (answer.status !== 200) return yield { refused: answer };
    const table = readTable(answer.body, call.action);
    const begin = last;
    const names = table.names.map((cell) => nameInCell(collection, cell)).filter((name) => isBehind(name, begin));
    last = names.at(-1) ?? last;
    yield { ...table, names };
    token = table.continueToken;
    if (token === undefined) return;
  }
}

function restOf(token: string | undefined): string {
  return token === undefined ? "" : `&continue=${encodeURIComponent(token)}`;
}

/**
 * Number of objects in a collection, by one request if the API server counts the rest of a list.
 *
 * @returns `undefined` if the list is refused.
 * @throws {KmsError} as {@linkcode pagesOf}.
 */
export async function countObjects(call: PatientCall, collection: Collection): Promise<number | undefined> {
  const answer = await askPage(call, collection, 1, "");
  if (answer.status === 404) return 0;
  if (answer.status !== 200) return undefined;
  const { names, continueToken, remaining } = readTable(answer.body, call.action);
  if (continueToken === undefined) return names.length;
  if (remaining !== undefined) return names.length + remaining;
  let count = 0;
  for await (const page of pagesOf(call, collection, "")) {
    if ("refused" in page) return undefined;
    count += page.names.length;
  }
  return count;
}

/**
 * Asks for the row of one object, by a list: `get` is not among the rights of a rewrite.
 *
 * @returns whether it exists, or the answer that refused the list.
 * @throws {KmsError} as {@linkcode pagesOf}.
 */
export async function lookForObject(
  call: PatientCall,
  collection: Collection,
  name: string,
): Promise<boolean | { readonly refused: HttpAnswer }> {
  const answer = await askPage(call, collection, 1, `&fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`);
  if (answer.status === 404) return false;
  if (answer.status !== 200) return { refused: answer };
  return readTable(answer.body, call.action).names.some((cell) => nameInCell(collection, cell) === name);
}

/** A name that no object has, since it is none of DNS. */
const noName = "_";

/**
 * The columns of a collection whose cells can be a field of the object, before any row is asked for: the list of a name
 * that no object has is empty.
 *
 * @returns `undefined` if the list is refused.
 * @throws {KmsError} as {@linkcode pagesOf}.
 */
export async function fieldColumns(call: PatientCall, collection: Collection): Promise<readonly string[] | undefined> {
  const answer = await askPage(call, collection, 1, `&fieldSelector=${encodeURIComponent(`metadata.name=${noName}`)}`);
  if (answer.status === 404) return [];
  return answer.status === 200 ? readTable(answer.body, call.action).fieldColumns : undefined;
}

/** Behind the name of a default class kube-apiserver writes this text into the same cell (printers.go of 1.36.3). */
const defaultMark = " (default)";

/** Resources with that text. Their names have no space, other than those of RBAC. */
const marked: readonly string[] = ["storageclasses.storage.k8s.io", "ingressclasses.networking.k8s.io"];

function nameInCell({ resource }: Collection, cell: string): string {
  return marked.includes(resourceId(resource)) && cell.endsWith(defaultMark)
    ? cell.slice(0, -defaultMark.length)
    : cell;
}

function askPage(call: PatientCall, collection: Collection, limit: number, rest: string): Promise<HttpAnswer> {
  const path = `${collectionPath(collection)}?${withoutObjects}&limit=${limit}${rest}`;
  return askPatiently(call, { method: "GET", path, accept: tableType, maxBytes: maxPageBytes });
}
