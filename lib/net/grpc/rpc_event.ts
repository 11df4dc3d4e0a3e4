/**
 * Sends one `rpc` event for each call, answered or refused.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { type KmsError, toKmsError } from "../../base/errors.ts";
import type { AuditEvent, Notify } from "../../telemetry/events.ts";
import type { RpcCall } from "./rpc_call.ts";
import type { Unreadable } from "./unary.ts";

/** The members of an event that this module sets. */
type Common = "type" | "api" | "operation" | "result" | "seconds" | "uid" | "message" | "cause";

/** The members of a service's event that its handlers set. */
export type Findings<Event extends AuditEvent> = {
  -readonly [Name in keyof Event as Name extends Common ? never : Name]: Event[Name];
};

/** Makes the events of one service. */
export interface RpcObserver<Event extends AuditEvent> {
  /**
   * Makes a handler that sends an event for each of its calls. A synchronous answer is returned without a promise.
   *
   * @param work sets members of `findings` before it answers or throws.
   */
  withRpcEvent<Request, Answered>(
    api: Event["api"],
    operation: Event["operation"],
    notify: Notify,
    work: (request: Request, call: RpcCall, findings: Findings<Event>) => Answered,
  ): (request: Request, call: RpcCall) => Answered;
  /**
   * Makes a function that sends an event for each request that cannot be decoded and reaches no handler.
   *
   * @param callOf gives the API and the operation for the `:path` of a call.
   */
  notedUnreadable(notify: Notify, callOf: (path: string) => Pick<Event, "api" | "operation">): Unreadable;
}

/**
 * Makes the observer of a service.
 *
 * @param blank makes the initial findings of a call.
 */
export function rpcObserver<Event extends AuditEvent>(blank: () => Findings<Event>): RpcObserver<Event> {
  return {
    withRpcEvent(api, operation, notify, work) {
      return (request, call) => {
        const start = systemClock.now();
        const findings = blank();
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
            }, fail) as typeof answer;
          }
          note();
          return answer;
        } catch (thrown) {
          return fail(thrown);
        }
      };
    },
    notedUnreadable(notify, callOf) {
      return (path, { code: result, message }, { uid }) => {
        const { api, operation } = callOf(path);
        const findings: object = blank();
        notify({ type: "rpc", api, operation, result, seconds: 0, uid, ...findings, message });
      };
    },
  };
}

/** Logs an internal error that closed a connection; the client sees only a dropped connection. */
export function notedBug(notify: Notify): (thrown: unknown) => void {
  return (thrown) => {
    const message = `Trousseau ended a connection because of a mistake of its own (${
      nameOf(thrown)
    }); please report it.`;
    notify({ type: "lifecycle", action: "warning", message });
  };
}

function event(
  api: string,
  operation: string,
  call: RpcCall,
  start: number,
  findings: object,
  failure: KmsError | undefined,
): AuditEvent {
  const seconds = (systemClock.now() - start) / 1000;
  const found = { type: "rpc", api, operation, result: failure?.code ?? "ok", seconds, uid: call.uid, ...findings };
  if (failure === undefined) return found as AuditEvent;
  const { message, cause } = failure;
  return { ...found, message, ...(cause !== undefined && { cause: nameOf(cause) }) } as AuditEvent;
}

// Only the name is used: the message of an error from another library can hold a secret.
function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : typeof cause;
}
