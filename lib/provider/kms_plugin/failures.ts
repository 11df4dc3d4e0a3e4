/**
 * Translates failures of another plugin into errors of this program.
 *
 * The plugin's messages are not repeated, because they are not trusted and can contain anything. `trousseau probe`
 * shows them.
 *
 * @module
 */
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import type { ProviderVerb } from "../../telemetry/events.ts";
import { RpcFailure } from "../../net/grpc/status.ts";
import type { StatusName } from "../../net/grpc/codes.ts";

/** A call to the plugin, and its name in messages. */
export interface PluginCall {
  readonly verb: ProviderVerb;
  /** For instance `wrap with provider "hsm"`. */
  readonly action: string;
  readonly signal: AbortSignal;
}

interface Meaning {
  /** Code for a probe or a wrap, whose request is known to be valid. */
  readonly other: ErrorCode;
  /**
   * Code for an unwrap, for which the stored bytes may be invalid; `silent`: the status does not show whether they are.
   */
  readonly unwrap: ErrorCode | "silent";
}

/**
 * The meaning of every status. Most plugins use no codes and answer UNKNOWN to everything. For a wrap, the usual reason
 * is an unreachable KMS: it is treated as an outage, which is retried.
 */
const meanings = {
  OK: { other: "provider_protocol", unwrap: "provider_protocol" },
  // The caller did not cancel this call; another component did.
  CANCELLED: { other: "unreachable", unwrap: "unreachable" },
  UNKNOWN: { other: "unreachable", unwrap: "silent" },
  INVALID_ARGUMENT: { other: "provider_protocol", unwrap: "integrity" },
  DEADLINE_EXCEEDED: { other: "deadline_exceeded", unwrap: "deadline_exceeded" },
  NOT_FOUND: { other: "key_unknown", unwrap: "key_unknown" },
  ALREADY_EXISTS: { other: "provider_protocol", unwrap: "silent" },
  PERMISSION_DENIED: { other: "permission_denied", unwrap: "permission_denied" },
  RESOURCE_EXHAUSTED: { other: "throttled", unwrap: "throttled" },
  FAILED_PRECONDITION: { other: "key_unusable", unwrap: "key_unusable" },
  ABORTED: { other: "unreachable", unwrap: "silent" },
  OUT_OF_RANGE: { other: "provider_protocol", unwrap: "integrity" },
  UNIMPLEMENTED: { other: "provider_protocol", unwrap: "provider_protocol" },
  INTERNAL: { other: "provider_protocol", unwrap: "silent" },
  UNAVAILABLE: { other: "unreachable", unwrap: "unreachable" },
  DATA_LOSS: { other: "provider_protocol", unwrap: "integrity" },
  UNAUTHENTICATED: { other: "unauthenticated", unwrap: "unauthenticated" },
} as const satisfies Record<StatusName, Meaning>;

/** Explanations of statuses, added to the message. */
const notes: Readonly<Partial<Record<StatusName, string>>> = {
  UNIMPLEMENTED: ": it does not serve KMS v2",
  UNKNOWN: ", which may be anything; its own log may tell",
};

/**
 * Message of grpc-js for RESOURCE_EXHAUSTED if either side rejects a message as too large. Requests are small: it is
 * the plugin's response that was rejected, and nothing is throttled.
 */
const tooLarge = /^Received message larger than max/;

/**
 * The error for a failed call, with a code and a message of this program.
 *
 * @throws `thrown` itself if it is not a KmsError.
 */
export function failureOf(thrown: unknown, { verb, action }: PluginCall, socket: string): KmsError {
  if (!(thrown instanceof KmsError)) throw thrown;
  const { cause, code } = thrown;
  if (!(cause instanceof RpcFailure)) return abandoned(code, action);
  if (cause.unconnected !== undefined) {
    return new KmsError("unreachable", `Cannot ${action}: ${cause.unconnected}: ${printable(socket)}.`, { cause });
  }
  if (tooLarge.test(cause.message)) return unusableAnswer(action, "it is larger than any good one");
  const { other, unwrap } = meanings[cause.status];
  const meant = verb === "unwrap" ? unwrap : other;
  const sentence = `Cannot ${action}: the plugin answered ${cause.status}${notes[cause.status] ?? ""}.`;
  return new KmsError(meant === "silent" ? "unreachable" : meant, sentence, { cause });
}

/** Whether the failure leaves open if the bytes are invalid or if the plugin itself is failing. */
export function isSilent(thrown: unknown): boolean {
  const cause = thrown instanceof KmsError ? thrown.cause : undefined;
  return cause instanceof RpcFailure && meanings[cause.status].unwrap === "silent";
}

/** The error for an unusable answer. */
export function unusableAnswer(action: string, why: string): KmsError {
  return new KmsError("provider_protocol", `Cannot ${action}: the plugin's answer cannot be used: ${why}.`);
}

function abandoned(code: ErrorCode, action: string): KmsError {
  return code === "deadline_exceeded"
    ? new KmsError(code, `Cannot ${action}: no answer within the deadline.`)
    : new KmsError("cancelled", `Cannot ${action}: the caller gave up.`);
}

function printable(path: string): string {
  return path.replaceAll(/[^\x20-\x7e]/g, "?");
}
