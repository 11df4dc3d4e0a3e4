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
  /** The name of the key; `""` as long as the call has named none. */
  readonly keyId: string;
  readonly providers: readonly ProviderVersion[];
}

const observer = rpcObserver<SopsRpcEvent>(() => ({ keyId: "", providers: [] }));

/** Makes a handler that notifies of each of its calls. */
export const withSopsRpcEvent = observer.withRpcEvent;

/** Notifies of requests that cannot be decoded. */
export function noteUnreadableSops(notify: Notify): Unreadable {
  return observer.notedUnreadable(notify, (path) => ({
    api: "sops",
    operation: path.endsWith("/Encrypt") ? "encrypt" : "decrypt",
  }));
}
