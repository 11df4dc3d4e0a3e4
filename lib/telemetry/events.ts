/**
 * The events that the other modules send to telemetry, which logs, audits and counts them. No event holds a secret.
 *
 * @module
 */
import type { ErrorCode } from "../base/errors.ts";

/** The operations of a provider. */
export type ProviderVerb = "probe" | "wrap" | "unwrap";

/**
 * The source of a decrypt's data key. `hit`: the cache. `miss`: a KMS. `shared`: an unwrap that another call had started.
 * `stale`: the cache, past the data key's age, while its KMS cannot be reached.
 */
export type CacheResult = "hit" | "miss" | "shared" | "stale";

/** `ok` or the code of the failure. */
export type Result = "ok" | ErrorCode;

/**
 * The ends of a span. `exported`: the collector took it. `queue_full`: it found the queue full. `refused`: the collector
 * refused it. `unsent`: the collector was not reached in time.
 */
export type SpanResult = "exported" | "queue_full" | "refused" | "unsent";

/** The health of a provider, by its probes and calls. */
export type HealthState = "unknown" | "well" | "sick" | "refusing";

/**
 * One call of a client, answered or refused, for the log, the audit stream and the metrics. Each service extends it with
 * narrower types (`rpc_event.ts`). A member that only some services have is optional here.
 */
export interface AuditEvent {
  readonly type: "rpc";
  /** From a closed set of the service: a label of metrics. */
  readonly api: string;
  /** From a closed set of the API: a label of metrics. A call of `status` is not audited. */
  readonly operation: string;
  readonly result: Result;
  /** Duration of the call. */
  readonly seconds: number;
  /** The name of the call in logs: at most 128 printable ASCII characters. */
  readonly uid: string;
  /** The error in one sentence. */
  readonly message?: string;
  /** The class name of the error's cause. */
  readonly cause?: string;
  /** Services over KMS keys: the key ID, or the name of the key. */
  readonly keyId?: string;
  /** Services over KMS keys: the versions that wrapped or unwrapped the data key. */
  readonly providers?: readonly { readonly name: string; readonly version: string }[];
  /** Services over KMS keys: how a decrypt got its data key. */
  readonly cache?: CacheResult;
  /** The plugin: the format, for a decrypt of data that another plugin wrote. */
  readonly foreign?: string;
}

/**
 * An event. The log has one row for each `type`. `expiresAt` is in milliseconds: of the monotonic clock for a token, since
 * the epoch for a certificate.
 */
export type Event =
  | AuditEvent
  | {
    type: "provider_call";
    provider: string;
    kind: string;
    verb: ProviderVerb;
    result: Result;
    seconds: number;
    message?: string;
  }
  | {
    type: "provider_health";
    provider: string;
    kind: string;
    from: HealthState;
    to: HealthState;
    result: Result;
    message: string;
  }
  | { type: "login"; provider: string; method: string; result: Result; seconds: number; message?: string }
  | { type: "token_renewed"; provider: string; result: Result; seconds: number; message?: string }
  | { type: "token_lifetime"; provider: string; expiresAt: number | undefined }
  | { type: "certificate_lifetime"; provider: string; expiresAt: number }
  | { type: "batch"; provider: string; verb: ProviderVerb; size: number }
  | { type: "queue"; provider: string; waiting: number }
  | { type: "key_id"; from: string | undefined; to: string; provisional: boolean; reason: string }
  | {
    type: "ready_dek";
    result: Result;
    wrapped: readonly string[];
    missing: readonly string[];
    seconds: number;
    message?: string;
  }
  | { type: "outage"; state: "none" | "outage" | "outage_past_after" | "refused"; policy: string; message: string }
  | { type: "cache_size"; entries: number }
  | { type: "cache_evicted"; reason: "lru" | "age" | "refused"; reference: string }
  | {
    type: "socket";
    action:
      | "bound"
      | "rebound"
      | "taken_over"
      | "stale_removed"
      | "lost"
      | "unlinked"
      | "lock_acquired"
      | "accept_refused"
      | "silent"
      | "answering"
      | "failed";
    path: string;
    message: string;
  }
  | {
    type: "telemetry_port";
    action: "listening" | "listen_failed" | "accept_failed" | "dropped";
    /** For instance `127.0.0.1:8090`. */
    address: string;
    message: string;
  }
  /** One request of the keyring's API, answered or refused. Both texts are from closed sets of the service. */
  | { type: "api_request"; route: string; outcome: string; seconds: number }
  | { type: "state_folder"; writable: boolean; message: string }
  | { type: "foreign"; format: string; providers: readonly string[] }
  /** Spans that a collector took, or that were dropped. */
  | { type: "spans"; result: SpanResult; count: number; message: string }
  | {
    type: "lifecycle";
    action: "starting" | "serving" | "reloaded" | "stopping" | "stopped" | "warning";
    message: string;
  };

/** Sends an event to telemetry. It never throws and never waits. */
export type Notify = (event: Event) => void;
