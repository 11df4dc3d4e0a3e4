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
  /** `""` as long as the call has named none. */
  readonly keyId: string;
  readonly providers: readonly ProviderVersion[];
  readonly foreign?: ForeignFormat;
}

const observer = rpcObserver<KmsRpcEvent>(() => ({ keyId: "", providers: [] }));

/** Makes a handler that notifies of each of its calls. */
export const withKmsRpcEvent = observer.withRpcEvent;

/** Notifies of requests that cannot be decoded. */
export function noteUnreadableKms(notify: Notify): Unreadable {
  const operations: Readonly<Record<string, KmsRpcEvent["operation"]>> = { Encrypt: "encrypt", Decrypt: "decrypt" };
  return observer.notedUnreadable(notify, (path) => ({
    api: path.startsWith("/v2.") ? "v2" : "v1beta1",
    operation: operations[path.slice(path.lastIndexOf("/") + 1)] ?? "status",
  }));
}

/** Notes the format before the call is made, so that the event of a call that fails has it too. */
export function noteForeign(findings: Findings<KmsRpcEvent>, format: ForeignFormat | undefined): void {
  if (format !== undefined) findings.foreign = format;
}
