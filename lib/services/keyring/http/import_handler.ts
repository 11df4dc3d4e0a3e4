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
import type { ImportItem } from "./parts.ts";
import { problemOf, toKeyringError } from "./problem_answer.ts";
import { labelsOf } from "./secret_handlers.ts";
import { fieldsFrom } from "./secret_json.ts";

/** Checks all secrets and, unless it is a dry run or one has a problem, writes them all. */
export async function importSecrets(call: NativeCall<"importSecrets">): Promise<OperationResult> {
  const { parts, body, signal } = call;
  const parsed = parsedItems(call);
  const items = parsed.flatMap((item) => item instanceof KeyringError ? [] : [item]);
  const found = await parts.imports.check(items, signal);
  const problems = parsed.map((item) =>
    item instanceof KeyringError ? item : asKeyringError(found.get(items.indexOf(item)))
  );
  if (body.dryRun || problems.some((problem) => problem !== undefined)) return checkedOnly(call, problems);
  const written = await parts.imports.run(items, signal);
  return {
    answer: jsonAnswer(200, {
      written: written.length,
      items: written.map(({ path, version }) => ({ path, version })),
    }),
    audited: written.map(({ path, version }) => ({ path, version })),
  };
}

function asKeyringError(thrown: Error | undefined): KeyringError | undefined {
  return thrown === undefined ? undefined : toKeyringError(thrown);
}

function checkedOnly(
  { body, requestId }: NativeCall<"importSecrets">,
  problems: readonly (KeyringError | undefined)[],
): OperationResult {
  const items = body.items.map(({ path }, index) => {
    const problem = problems[index];
    return problem === undefined ? { path } : { path, problem: problemOf(problem, requestId) };
  });
  const failed = problems.filter((problem) => problem !== undefined).length;
  const note = `${body.dryRun ? "dry run" : "nothing written"}, ${items.length} secrets, ${failed} with a problem`;
  return { answer: jsonAnswer(200, { written: 0, items }), audited: [{ note }] };
}

/** Each secret of the body, or its problem. */
function parsedItems(call: NativeCall<"importSecrets">): readonly (ImportItem | KeyringError)[] {
  const texts = jsonElements(jsonSlice(call.text, ["items"]) ?? "[]");
  const seen = new Set<string>();
  return call.body.items.map((item, index) => {
    try {
      const path = secretPath(item.path);
      if (seen.has(path)) throw twice(path);
      seen.add(path);
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

function twice(path: string): KeyringError {
  return new KeyringError("request_invalid", `The import has ${JSON.stringify(path)} twice; leave one of them out.`);
}
