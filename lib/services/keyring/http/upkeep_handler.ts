/**
 * Work of the administrator on the whole store, with its progress as lines of JSON.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { UpkeepReport } from "../../../api/keyring/upkeep_schemas.ts";
import { utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { abandoned } from "../../../base/deadline.ts";
import type { NativeCall } from "./native_handlers.ts";
import type { OperationResult } from "./operation.ts";
import type { RunUpkeep } from "./parts.ts";
import { problemOf, toKeyringError } from "./problem_answer.ts";

/** Milliseconds between two lines. Each says that the work goes on. */
const lineEveryMs = 1_000;

/** Starts the work. It ends when its client has gone. */
export function runUpkeep(call: NativeCall<"runUpkeep">): Promise<OperationResult> {
  const { body, identity, parts, request, requestId } = call;
  if (identity.kind !== "local-admin") {
    throw new KeyringError("forbidden", "Not permitted: this work is started over the admin socket alone.");
  }
  const lines = upkeepLines((call) => parts.upkeep(body, call), {
    requestId,
    clock: parts.clock,
    signal: request.signal,
  });
  const headers = { "content-type": "application/x-ndjson" };
  return Promise.resolve({ answer: { status: 200, headers, body: lines }, audited: [{ note: body.job }] });
}

async function* upkeepLines(
  run: (call: Parameters<RunUpkeep>[1]) => Promise<UpkeepReport>,
  { requestId, clock, signal }: { readonly requestId: string; readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const ended = new AbortController();
  let progress = "";
  const work = run({ signal, onProgress: (text) => progress = text })
    .then((report) => ({ report }), (thrown) => ({ problem: problemOf(toKeyringError(thrown), requestId) }))
    .finally(() => ended.abort(abandoned));
  while (!ended.signal.aborted) {
    await clock.sleep(lineEveryMs, ended.signal);
    if (!ended.signal.aborted) yield lineOf({ progress });
  }
  yield lineOf(await work);
}

function lineOf(value: object): Uint8Array {
  return utf8(`${JSON.stringify(value)}\n`);
}
