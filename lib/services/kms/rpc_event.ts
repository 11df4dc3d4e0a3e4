/**
 * The plugin's `rpc` event: one for each call of kube-apiserver.
 *
 * @module
 */
import type { KmsApi } from "../../api/kms/messages.ts";
import type { ForeignFormat } from "../../envelope/foreign_formats.ts";
import type { ProviderVersion } from "../../kek/status.ts";
import { type Findings, rpcObserver } from "../../net/grpc/rpc_event.ts";
import type { Unreadable } from "../../net/grpc/unary.ts";
import type { AuditEvent, Notify } from "../../telemetry/events.ts";

/** The operations of each API: label values of metrics. v1beta1's Version counts as `status`. */
export const kmsOperations = {
  v2: ["status", "encrypt", "decrypt"],
  v1beta1: ["status", "encrypt", "decrypt"],
} as const satisfies Record<KmsApi, readonly string[]>;

/** One call over either KMS API. */
export interface KmsRpcEvent extends AuditEvent {
  readonly api: KmsApi;
  readonly operation: typeof kmsOperations[KmsApi][number];
  /** `""` until the key ID of the call is known. */
  readonly keyId: string;
  readonly providers: readonly ProviderVersion[];
  readonly foreign?: ForeignFormat;
}

const observer = rpcObserver<KmsRpcEvent>(() => ({ keyId: "", providers: [] }));

/** Wraps a handler so that an event is sent for each call. */
export const withKmsRpcEvent = observer.withRpcEvent;

/** Sends an event for each request that cannot be decoded. */
export function noteUnreadableKms(notify: Notify): Unreadable {
  const operations: Readonly<Record<string, KmsRpcEvent["operation"]>> = { Encrypt: "encrypt", Decrypt: "decrypt" };
  return observer.notedUnreadable(notify, (path) => ({
    api: path.startsWith("/v2.") ? "v2" : "v1beta1",
    operation: operations[path.slice(path.lastIndexOf("/") + 1)] ?? "status",
  }));
}

/** Sets the foreign format of an event. It is set before the data is decrypted, so that failed calls have it too. */
export function noteForeign(findings: Findings<KmsRpcEvent>, format: ForeignFormat | undefined): void {
  if (format !== undefined) findings.foreign = format;
}
