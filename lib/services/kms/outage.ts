/**
 * The answers to kube-apiserver during an outage of the KMS: a pure function of the policy and the node's status.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { QuorumState, ServiceStatus } from "./service.ts";

/** What the operator decided. */
export interface OutageSettings {
  readonly policy: OutagePolicy;
  /** Milliseconds that an outage may last before the policy shows. */
  readonly afterMs: number;
}

/** How the wrap quorum is. A quorum that is refused is no outage. */
export type OutageState = "none" | "outage" | "outage_past_after" | "refused";

/** How to answer Status and Encrypt. Decrypt is always tried: what is in the cache can still be read. */
export type OutageDecision =
  /** `healthz` says `ok`, Encrypt is answered. */
  | { readonly say: "ok"; readonly keyId: string }
  /** `healthz` says why, Encrypt is answered, v1beta1's `ping` is refused: it is all that its health check looks at. */
  | { readonly say: "unwell"; readonly keyId: string; readonly message: string }
  /** Status and Encrypt are refused. */
  | { readonly say: "refuse"; readonly error: KmsError };

/** How the quorum is. */
export function outageState(quorum: QuorumState, afterMs: number): OutageState {
  if (quorum.state === "held") return "none";
  if (quorum.refused) return "refused";
  return quorum.forMs >= afterMs ? "outage_past_after" : "outage";
}

/**
 * Decides how to answer.
 *
 * A node without a key ID and one whose KEKs are refused answer the same under every policy: there is nothing to
 * announce, or a KMS was reached and said no.
 */
export function outageDecision(settings: OutageSettings, status: ServiceStatus): OutageDecision {
  const { keyId, quorum } = status;
  if (quorum.state === "lost" && quorum.refused) return refuse("key_unusable", quorum.message);
  if (keyId === undefined) return refuse("unreachable", status.message);
  if (quorum.state === "held" || outageState(quorum, settings.afterMs) === "outage") return { say: "ok", keyId };
  return past[settings.policy](keyId, quorum.message);
}

/** A status with `canEncrypt` by the policy: a ready data key may not be used while its KEKs are refused. */
export function underPolicy(settings: OutageSettings, status: ServiceStatus): ServiceStatus {
  return { ...status, canEncrypt: status.canEncrypt && outageDecision(settings, status).say !== "refuse" };
}

/** What each policy says once `after` has passed. */
const past = {
  keepWriting: (keyId) => ({ say: "ok", keyId }),
  failReady: (keyId, message) => ({ say: "unwell", keyId, message: sentence(message) }),
  failClosed: (_keyId, message) => refuse("unreachable", message),
} as const satisfies Record<string, (keyId: string, message: string) => OutageDecision>;

/** What the operator may choose from. */
export type OutagePolicy = keyof typeof past;

function refuse(code: "unreachable" | "key_unusable", message: string): OutageDecision {
  return { say: "refuse", error: new KmsError(code, sentence(message)) };
}

// `healthz` must not be empty or say `ok`, whatever the room below has to tell.
function sentence(message: string): string {
  return message === "" || message === "ok" ? "The wrap quorum cannot be reached." : message;
}
