/**
 * The native routes as operations: each row of the table of routes with its handler.
 *
 * @module
 */
import type { OperationId } from "../../../api/keyring/routes.ts";
import { routes } from "../../../api/keyring/routes.ts";
import type { RouteRow } from "../../../api/keyring/route.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { bulkHandlers, moveEnds } from "./bulk_handlers.ts";
import { identityHandlers } from "./identity_handlers.ts";
import type { NativeCall, NativeHandlers } from "./native_handlers.ts";
import type { Operation, OperationCall, OperationResult } from "./operation.ts";
import { problemAnswer } from "./problem_answer.ts";
import { bodyLimits } from "./request_input.ts";
import { secretHandlers } from "./secret_handlers.ts";
import { systemHandlers } from "./system_handlers.ts";
import { folderInTarget, secretInTarget } from "./target.ts";

/** The routes that the pipeline runs: all but `health`, which is answered without a store. */
export type PipelineOperation = Exclude<OperationId, "health">;

const handlers: NativeHandlers<PipelineOperation> = {
  ...secretHandlers,
  ...bulkHandlers,
  ...identityHandlers,
  ...systemHandlers,
};

/** Milliseconds for an operation. */
const timeouts = { usual: 30_000, import: 600_000 } as const;

/** The operations with the ID of their route. */
export function nativeOperations(): readonly (readonly [PipelineOperation, Operation])[] {
  return (Object.keys(handlers) as PipelineOperation[]).map((id) => [id, nativeOperation(id)]);
}

function nativeOperation(id: PipelineOperation): Operation {
  const row: RouteRow = routes[id];
  const isImport = id === "importSecrets";
  return {
    action: row.action,
    verb: row.verb,
    on: row.on,
    status: row.status,
    query: row.query,
    body: row.body,
    maxBody: isImport ? bodyLimits.import : bodyLimits.request,
    timeoutMs: isImport ? timeouts.import : timeouts.usual,
    ifMatch: row.ifMatch,
    idempotent: row.idempotent,
    renderProblem: problemAnswer,
    pathOf: (encoded) => pathFor(row.path, encoded),
    ...(id === "moveSecret" ? { authorize: authorizeMove } : {}),
    // The row and the handler have the same ID; TypeScript cannot see it. This is the only cast for it.
    work: handlers[id] as (call: OperationCall) => Promise<OperationResult>,
  };
}

/** The path that a row's template stands for. @throws {KeyringError} `path_invalid`, `not_found` */
function pathFor(template: string, encoded: string): unknown {
  if (template.endsWith("{path}")) return secretInTarget(encoded);
  if (template.endsWith("{folder}")) return folderInTarget(encoded);
  if (!template.endsWith("{id}")) return undefined;
  if (/^[0-9a-f]{32}$/.test(encoded)) return encoded;
  throw new KeyringError("not_found", "The ID is refused: it is not 32 hexadecimal digits.");
}

/** A move needs read and write at both ends. */
function authorizeMove(call: OperationCall): void {
  const { from, to } = moveEnds((call as NativeCall<"moveSecret">).body);
  call.trace.path = from;
  for (const path of [from, to]) {
    call.authorize("read", path);
    call.authorize("write", path);
  }
}
