/**
 * Lists names of objects page by page.
 *
 * @module
 */
import type { HttpAnswer } from "../../net/https/http_answer.ts";
import { type NamedTable, readTable, tableType, withoutObjects } from "../apiserver/table.ts";
import { type Collection, collectionPath, isBehind } from "./object_names.ts";
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
    const answer = await askPage(call, collection, pageLength, token);
    if (answer.status === 410 && token !== undefined) {
      token = undefined;
      continue;
    }
    if (answer.status === 404) return;
    if (answer.status !== 200) return yield { refused: answer };
    const table = readTable(answer.body, call.action);
    const begin = last;
    const names = table.names.filter((name) => isBehind(name, begin));
    last = names.at(-1) ?? last;
    yield { ...table, names };
    token = table.continueToken;
    if (token === undefined) return;
  }
}

/**
 * Number of objects in a collection, by one request if the API server counts the rest of a list.
 *
 * @returns `undefined` if the list is refused.
 * @throws {KmsError} as {@linkcode pagesOf}.
 */
export async function countObjects(call: PatientCall, collection: Collection): Promise<number | undefined> {
  const answer = await askPage(call, collection, 1, undefined);
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

function askPage(
  call: PatientCall,
  collection: Collection,
  limit: number,
  token: string | undefined,
): Promise<HttpAnswer> {
  const rest = token === undefined ? "" : `&continue=${encodeURIComponent(token)}`;
  const path = `${collectionPath(collection)}?${withoutObjects}&limit=${limit}${rest}`;
  return askPatiently(call, { method: "GET", path, accept: tableType, maxBytes: maxPageBytes });
}
