/**
 * The work of the routes for several secrets: list, read many, move, import.
 *
 * @module
 */
import { type FolderPath, type SecretPath, secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { requestLimits } from "../../../api/keyring/secret_schemas.ts";
import { allows, mayList } from "../policy/rights.ts";
import type { ListedPath, ReadSecret } from "../secrets/model.ts";
import { jsonAnswer, jsonTextAnswer } from "./exchange.ts";
import type { NativeCall, NativeHandlers } from "./native_handlers.ts";
import type { AuditedTarget, OperationResult } from "./operation.ts";
import { problemOf, toKeyringError } from "./problem_answer.ts";
import { requireOtherPath, writtenAs } from "./secret_handlers.ts";
import { secretText, shownAt } from "./secret_json.ts";
import { importSecrets } from "./import_handler.ts";
import { watchFolder } from "./watch.ts";

/** The handlers by the ID of the route. */
export const bulkHandlers: NativeHandlers<"list" | "readSecrets" | "moveSecret" | "importSecrets" | "watch"> = {
  list,
  readSecrets,
  moveSecret,
  importSecrets,
  watch: watchFolder,
};

async function list(call: NativeCall<"list">): Promise<OperationResult> {
  const { path: folder, query } = call;
  const limit = query.limit ?? requestLimits.listEntries;
  const page = await listedEntries(call, folder, {
    limit,
    withInfo: true,
    ...(query.after === undefined ? {} : { after: query.after }),
  });
  return {
    answer: jsonAnswer(200, { entries: page.entries.map(entryOf), more: page.more }),
    audited: [{ path: folder }],
  };
}

/**
 * One page of the entries that the identity may list. Entries that it may not list are passed over, so that a page is
 * shorter than its limit only at the end. `withInfo`: whether secrets come with their info, which opens another record of
 * each.
 */
export async function listedEntries(
  call: Pick<NativeCall<"list">, "parts" | "policy" | "identity" | "signal">,
  folder: FolderPath,
  { after, limit, withInfo }: { readonly after?: string; readonly limit: number; readonly withInfo: boolean },
): Promise<{ readonly entries: readonly ListedPath[]; readonly more: boolean }> {
  const { parts, policy, identity, signal } = call;
  const entries: ListedPath[] = [];
  // A rule that covers the folder covers all that is in it: the entries need not be looked at one by one.
  const mayListAll = allows(policy, identity, "list", folder);
  let last = after;
  for (;;) {
    const page = await parts.secrets.list(folder, {
      limit,
      withInfo,
      signal,
      ...(last === undefined ? {} : { after: last }),
    });
    if (mayListAll) return page;
    for (const [index, entry] of page.entries.entries()) {
      if (!mayList(policy, identity, folder, entry.path)) continue;
      entries.push(entry);
      if (entries.length === limit) return { entries, more: page.more || index < page.entries.length - 1 };
    }
    last = page.entries.at(-1)?.path;
    if (!page.more || last === undefined) return { entries, more: false };
  }
}

function entryOf({ path, info }: ListedPath) {
  if (info === undefined) return { path };
  return {
    path,
    version: info.currentVersion,
    updatedAt: shownAt(info.updatedAt),
    labels: info.labels,
    ...(info.expiresAt === undefined ? {} : { expiresAt: shownAt(info.expiresAt) }),
  };
}

async function readSecrets(call: NativeCall<"readSecrets">): Promise<OperationResult> {
  const texts: string[] = [];
  const audited: AuditedTarget[] = [];
  let bytes = 0;
  for (const text of call.body.paths) {
    call.trace.path = text;
    const read = await readOne(call, text);
    if (read instanceof KeyringError) {
      texts.push(JSON.stringify({ path: text, problem: problemOf(read, call.requestId) }));
      audited.push({ path: text, result: read.code });
      continue;
    }
    bytes += read.fields.reduce((sum, { value }) => sum + value.length, 0);
    if (bytes > requestLimits.readBytes) {
      throw new KeyringError(
        "too_large",
        `The values of these paths have more than ${requestLimits.readBytes} bytes; read fewer at once.`,
      );
    }
    const { path } = read.info;
    texts.push(`{"path":${JSON.stringify(path)},"secret":${secretText(read)}}`);
    audited.push({ path, version: read.version.version });
  }
  return { answer: jsonTextAnswer(200, `{"secrets":[${texts.join(",")}]}`), audited };
}

/** A secret, or its own problem. @throws {KeyringError} for a failure that concerns all of them. */
async function readOne(call: NativeCall<"readSecrets">, text: string): Promise<ReadSecret | KeyringError> {
  try {
    const path = secretPath(text);
    call.authorize("read", path);
    return await call.parts.secrets.read(path, { signal: call.signal });
  } catch (thrown) {
    const error = toKeyringError(thrown);
    if (ownProblems.has(error.code)) return error;
    throw error;
  }
}

/** The codes that concern one of several paths. */
const ownProblems: ReadonlySet<string> = new Set(
  ["path_invalid", "forbidden", "not_found", "deleted", "destroyed", "expired"] satisfies KeyringError["code"][],
);

async function moveSecret({ parts, body, write }: NativeCall<"moveSecret">): Promise<OperationResult> {
  const { from, to } = moveEnds(body);
  requireOtherPath(from, to);
  return writtenAs(200, await parts.secrets.move(from, to, write), { note: `moved from ${from}` });
}

/** The two paths of a move. @throws {KeyringError} `path_invalid` */
export function moveEnds({ from, to }: { readonly from: string; readonly to: string }): {
  readonly from: SecretPath;
  readonly to: SecretPath;
} {
  return { from: secretPath(from), to: secretPath(to) };
}
