/**
 * One `rpc` event for each call, whatever becomes of it.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { type KmsError, toKmsError } from "../../base/errors.ts";
import type { Api, CacheResult, Event, ForeignFormat, Notify, Operation } from "../../telemetry/events.ts";
import type { RpcCall } from "./rpc_call.ts";
import type { Unreadable } from "./unary.ts";
import type { ProviderVersion } from "../../services/kms/service.ts";

/** What a handler learns on its way that belongs into the event. */
export interface Findings {
  keyId: string;
  providers: readonly ProviderVersion[];
  cache?: CacheResult;
  foreign?: ForeignFormat;
}

/**
 * Makes a handler that notes each of its calls.
 *
 * An answer that is there at once stays so: no promise is made for it.
 *
 * @param work fills in `findings` before it answers or throws.
 */
export function withRpcEvent<Request, Answered>(
  api: Api,
  operation: Operation,
  notify: Notify,
  work: (request: Request, call: RpcCall, findings: Findings) => Answered,
): (request: Request, call: RpcCall) => Answered {
  return (request, call) => {
    const start = systemClock.now();
    const findings: Findings = { keyId: "", providers: [] };
    const note = (failure?: KmsError) => notify(event(api, operation, call, start, findings, failure));
    const fail = (thrown: unknown): never => {
      const error = toKmsError(thrown);
      note(error);
      throw error;
    };
    try {
      const answer = work(request, call, findings);
      if (answer instanceof Promise) {
        return answer.then((value) => {
          note();
          return value;
        }, fail) as Answered;
      }
      note();
      return answer;
    } catch (thrown) {
      return fail(thrown);
    }
  };
}

/** Garbage is counted and logged like every other request, under the RPC that it was sent to. */
export function notedUnreadable(notify: Notify, apiOf: (path: string) => Api): Unreadable {
  const operations: Readonly<Record<string, Operation>> = { Encrypt: "encrypt", Decrypt: "decrypt" };
  return (path, error, { uid }) => {
    const operation = operations[path.slice(path.lastIndexOf("/") + 1)] ?? "status";
    const { code: result, message } = error;
    notify({ type: "rpc", api: apiOf(path), operation, result, seconds: 0, uid, keyId: "", providers: [], message });
  };
}

/** A connection that was ended for a mistake of ours, which the one at its other end cannot tell from a fault of his. */
export function notedBug(notify: Notify): (thrown: unknown) => void {
  return (thrown) => {
    const message = `Trousseau ended a connection because of a mistake of its own (${
      nameOf(thrown)
    }); please report it.`;
    notify({ type: "lifecycle", action: "warning", message });
  };
}

/** Before the call is made, so that one that fails is noted as what it was too. */
export function noteForeign(findings: Findings, format: ForeignFormat | undefined): void {
  if (format !== undefined) findings.foreign = format;
}

function event(
  api: Api,
  operation: Operation,
  call: RpcCall,
  start: number,
  findings: Findings,
  failure: KmsError | undefined,
): Event {
  return {
    type: "rpc",
    api,
    operation,
    result: failure?.code ?? "ok",
    seconds: (systemClock.now() - start) / 1000,
    uid: call.uid,
    ...findings,
    ...(failure && { message: failure.message }),
    ...(failure?.cause !== undefined && { cause: nameOf(failure.cause) }),
  };
}

// The name alone: a message from elsewhere may hold anything.
function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : typeof cause;
}
