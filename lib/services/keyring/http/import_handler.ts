/**
 * The work of `POST import`.
 *
 * @module
 */
import { secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { jsonAnswer } from "./exchange.ts";
import { jsonElements, jsonSlice } from "./json_slices.ts";
import type { NativeCall } from "./native_handlers.ts";
import type { OperationResult } from "./operation.ts";
import type { ImportItem, ImportResult } from "../secrets/import.ts";
import { problemOf, toKeyringError } from "./problem_answer.ts";
import { labelsOf } from "./secret_handlers.ts";
import { fieldsFrom } from "./secret_json.ts";

/** Checks all secrets and, unless it is a dry run or one has a problem, writes them all. */
export async function importSecrets(call: NativeCall<"importSecrets">): Promise<OperationResult> {
  const { parts, body, signal, requestId } = call;
  const parsed = parsedItems(call);
  const items = parsed.flatMap((item) => item instanceof KeyringError ? [] : [item]);
  const dryRun = body.dryRun || items.length < parsed.length;
  const report = await parts.secrets.import(items, { dryRun, signal });
  const results = report.items.values();
  const shown = parsed.map((item, index) => {
    const path = body.items[index]?.path ?? "";
    const { version, error } = item instanceof KeyringError ? { version: undefined, error: item } : nextOf(results);
    if (error !== undefined) return { path, problem: problemOf(error, requestId) };
    return version === undefined ? { path } : { path, version };
  });
  const written = report.applied ? shown.length : 0;
  const failed = shown.filter((item) => "problem" in item).length;
  const summary = `${body.dryRun ? "dry run, " : ""}nothing written: ${shown.length} secrets, ${failed} with a problem`;
  return {
    answer: jsonAnswer(200, { written, items: shown }),
    audited: written > 0 ? report.items.map(({ path, version = 0 }) => ({ path, version })) : [{ note: summary }],
  };
}

function nextOf(results: Iterator<ImportResult>): Omit<ImportResult, "path"> {
  const next = results.next();
  if (next.done !== true) return next.value;
  throw new KeyringError("internal", "The report of the import is shorter than the import.");
}

/** Each secret of the body, or its problem. */
function parsedItems(call: NativeCall<"importSecrets">): readonly (ImportItem | KeyringError)[] {
  const texts = jsonElements(jsonSlice(call.text, ["items"]) ?? "[]");
  return call.body.items.map((item, index) => {
    try {
      const path = secretPath(item.path);
      call.authorize("write", path);
      const text = texts[index] ?? "";
      return {
        path,
        fields: fieldsFrom(item.fields, text),
        ...labelsOf(item, text),
        ...(item.expiresAt === undefined ? {} : { expiresAt: Date.parse(item.expiresAt) }),
      };
    } catch (thrown) {
      return toKeyringError(thrown);
    }
  });
}
