/**
 * The outage policy: how to answer kube-apiserver during an outage of the KMS. It is a pure function of the settings and
 * the status of the node.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { AnswerStatus, QuorumState, ServiceStatus } from "./service.ts";

/** The outage settings of the configuration. */
export interface OutageSettings {
  readonly policy: OutagePolicy;
  /** Milliseconds that an outage lasts before the policy takes effect. */
  readonly afterMs: number;
}

/** The state of the wrap quorum. A quorum that is refused is not an outage. */
export type OutageState = "none" | "outage" | "outage_past_after" | "refused";

/** How to answer Status and Encrypt. Decrypt does not depend on it: data with a cached data key can still be read. */
export type OutageDecision =
  /** `healthz` is `ok`, and Encrypt is answered. */
  | { readonly say: "ok"; readonly keyId: string }
  /**
   * `healthz` is the message, and Encrypt is answered. Under v1beta1 the Encrypt of `ping` is refused, because it is
   * kube-apiserver's only health check.
   */
  | { readonly say: "unwell"; readonly keyId: string; readonly message: string }
  /** Status and Encrypt are refused. */
  | { readonly say: "refuse"; readonly error: KmsError };

/** The state of a quorum. @param afterMs milliseconds; from then on it is `outage_past_after`. */
export function outageState(quorum: QuorumState, afterMs: number): OutageState {
  if (quorum.state === "held") return "none";
  if (quorum.refused) return "refused";
  return quorum.forMs >= afterMs ? "outage_past_after" : "outage";
}

/**
 * Decides how to answer.
 *
 * A node without a key ID and one whose KEKs are refused answer the same under every policy: the first has no key ID to
 * announce, and the second has no outage.
 */
export function outageDecision(settings: OutageSettings, status: AnswerStatus): OutageDecision {
  const { keyId, quorum } = status;
  if (quorum.state === "lost" && quorum.refused) return refuse("key_unusable", quorum.message);
  if (keyId === undefined) return refuse("unreachable", status.message);
  if (quorum.state === "held" || outageState(quorum, settings.afterMs) === "outage") return { say: "ok", keyId };
  return past[settings.policy](keyId, quorum.message);
}

/** A status whose `canEncrypt` follows the policy: Encrypt is refused while the KEKs are, even if a data key is ready. */
export function underPolicy(settings: OutageSettings, status: ServiceStatus): ServiceStatus {
  return { ...status, canEncrypt: status.canEncrypt && outageDecision(settings, status).say !== "refuse" };
}

/** The decision of each policy once `after` has passed. */
const past = {
  keepWriting: (keyId) => ({ say: "ok", keyId }),
  failReady: (keyId, message) => ({ say: "unwell", keyId, message: sentence(message) }),
  failClosed: (_keyId, message) => refuse("unreachable", message),
} as const satisfies Record<string, (keyId: string, message: string) => OutageDecision>;

/** The outage policies of the configuration. */
export type OutagePolicy = keyof typeof past;

function refuse(code: "unreachable" | "key_unusable", message: string): OutageDecision {
  return { say: "refuse", error: new KmsError(code, sentence(message)) };
}

// kube-apiserver takes the plugin for healthy if `healthz` is `ok`.
function sentence(message: string): string {
  return message === "" || message === "ok" ? "The wrap quorum cannot be reached." : message;
}
