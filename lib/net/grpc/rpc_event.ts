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
        const start = call.began ?? systemClock.now();
        const findings = blank();
        try {
          const answer = work(request, call, findings);
          if (answer instanceof Promise) {
            return answer.then((value) => {
              notify(completed(findings, api, operation, call, start));
              return value;
            }, (thrown) => {
              throw noted(thrown, completed(findings, api, operation, call, start), notify);
            }) as typeof answer;
          }
          notify(completed(findings, api, operation, call, start));
          return answer;
        } catch (thrown) {
          throw noted(thrown, completed(findings, api, operation, call, start), notify);
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

/** The members of an event that are set when its call ends. */
type Completed = { -readonly [Name in keyof AuditEvent]: AuditEvent[Name] };

/** Makes the findings the event of an answered call. A copy of them would cost as much as all of its members. */
function completed(findings: object, api: string, operation: string, { uid }: RpcCall, start: number): Completed {
  const event = findings as Completed;
  event.type = "rpc";
  event.api = api;
  event.operation = operation;
  event.result = "ok";
  event.seconds = (systemClock.now() - start) / 1000;
  event.uid = uid;
  return event;
}

/** Sends the event of a failed call. @returns the error to throw. */
function noted(thrown: unknown, event: Completed, notify: Notify): KmsError {
  const error = toKmsError(thrown);
  event.result = error.code;
  event.message = error.message;
  if (error.cause !== undefined) event.cause = nameOf(error.cause);
  notify(event);
  return error;
}

// Only the name is used: the message of an error from another library can hold a secret.
function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : typeof cause;
}
