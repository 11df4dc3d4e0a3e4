/**
 * What the rooms below tell the one that logs, audits and counts. Nothing here may hold a secret.
 *
 * @module
 */
import type { ErrorCode } from "../base/errors.ts";

/** The API that a request of kube-apiserver's came by. */
export type KmsApi = "v2" | "v1beta1";

/** The API that a request came by: KMS, or the key service of SOPS. What is sealed for one is never opened by another. */
export type Api = KmsApi | "sops";

/** What was asked for. */
export type Operation = "status" | "encrypt" | "decrypt";

/** Another plugin, by what it left in etcd: see `lib/envelope/foreign_formats.ts`. */
export type ForeignFormat = "trousseau-v1" | "trousseau-v2" | "vault-kubernetes-kms" | "aws-encryption-provider";

/** What a provider was asked for. */
export type ProviderVerb = "probe" | "wrap" | "unwrap";

/** How a decrypt came by its data key: `stale` is a cached one served on while its KMS is away. */
export type CacheResult = "hit" | "miss" | "shared" | "stale";

/** `ok` or the code of the failure. */
export type Result = "ok" | ErrorCode;

/** How a provider is, judged by its probes and calls. */
export type HealthState = "unknown" | "well" | "sick" | "refusing";

/** A closed union; `lib/telemetry` has one row for each `type`. Durations are in seconds. */
export type Event =
  | {
    type: "rpc";
    api: Api;
    operation: Operation;
    result: Result;
    seconds: number;
    uid: string;
    keyId: string;
    providers: readonly { name: string; version: string }[];
    cache?: CacheResult;
    /** For a decrypt of what another plugin wrote. */
    foreign?: ForeignFormat;
    message?: string;
    cause?: string;
  }
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
  | { type: "state_folder"; writable: boolean; message: string }
  | { type: "foreign"; format: ForeignFormat; providers: readonly string[] }
  | {
    type: "lifecycle";
    action: "starting" | "serving" | "reloaded" | "stopping" | "stopped" | "warning";
    message: string;
  };

/** Takes an event. It never throws and never waits. */
export type Notify = (event: Event) => void;
