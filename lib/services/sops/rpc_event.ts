/**
 * The key service's `rpc` event: one for each call of sops.
 *
 * @module
 */
import type { ProviderVersion } from "../../kek/status.ts";
import { rpcObserver } from "../../net/grpc/rpc_event.ts";
import type { Unreadable } from "../../net/grpc/unary.ts";
import type { AuditEvent, Notify } from "../../telemetry/events.ts";

/** The operations of the API: label values of metrics. */
export const sopsOperations = { sops: ["encrypt", "decrypt"] } as const;

/** One call over the API of the key service. */
export interface SopsRpcEvent extends AuditEvent {
  readonly api: "sops";
  readonly operation: typeof sopsOperations["sops"][number];
  /** The name of the key; `""` until the name is known. */
  readonly keyId: string;
  readonly providers: readonly ProviderVersion[];
}

const observer = rpcObserver<SopsRpcEvent>(() => ({ keyId: "", providers: [] }));

/** Wraps a handler so that an event is sent for each call. */
export const withSopsRpcEvent = observer.withRpcEvent;

/** Sends an event for each request that cannot be decoded. */
export function noteUnreadableSops(notify: Notify): Unreadable {
  return observer.notedUnreadable(notify, (path) => ({
    api: "sops",
    operation: path.endsWith("/Encrypt") ? "encrypt" : "decrypt",
  }));
}
