/**
 * What another plugin's failures mean.
 *
 * Its sentences are not repeated: they come from elsewhere and may hold anything. `trousseau probe` shows them to whoever
 * asks.
 *
 * @module
 */
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import type { ProviderVerb } from "../../telemetry/events.ts";
import { RpcFailure } from "../../net/grpc/status.ts";
import type { StatusName } from "../../net/grpc/codes.ts";

/** What is called, and how a sentence says so. */
export interface PluginCall {
  readonly verb: ProviderVerb;
  /** For instance `wrap with provider "hsm"`. */
  readonly action: string;
  readonly signal: AbortSignal;
}

interface Meaning {
  /** For a probe or a wrap, whose request is ours and sound. */
  readonly asked: ErrorCode;
  /** For an unwrap, where the stored bytes may be what is wrong; `silent`: the status does not say which it is. */
  readonly unwrap: ErrorCode | "silent";
}

/**
 * Every status. Most plugins know no codes and answer UNKNOWN to everything: for a wrap that is most often a KMS that is
 * away, and is taken for an outage, which is tried again.
 */
const meanings = {
  OK: { asked: "provider_protocol", unwrap: "provider_protocol" },
  // Nobody here has cancelled: whoever that was, it is not the caller.
  CANCELLED: { asked: "unreachable", unwrap: "unreachable" },
  UNKNOWN: { asked: "unreachable", unwrap: "silent" },
  INVALID_ARGUMENT: { asked: "provider_protocol", unwrap: "integrity" },
  DEADLINE_EXCEEDED: { asked: "deadline_exceeded", unwrap: "deadline_exceeded" },
  NOT_FOUND: { asked: "key_unknown", unwrap: "key_unknown" },
  ALREADY_EXISTS: { asked: "provider_protocol", unwrap: "silent" },
  PERMISSION_DENIED: { asked: "permission_denied", unwrap: "permission_denied" },
  RESOURCE_EXHAUSTED: { asked: "throttled", unwrap: "throttled" },
  FAILED_PRECONDITION: { asked: "key_unusable", unwrap: "key_unusable" },
  ABORTED: { asked: "unreachable", unwrap: "silent" },
  OUT_OF_RANGE: { asked: "provider_protocol", unwrap: "integrity" },
  UNIMPLEMENTED: { asked: "provider_protocol", unwrap: "provider_protocol" },
  INTERNAL: { asked: "provider_protocol", unwrap: "silent" },
  UNAVAILABLE: { asked: "unreachable", unwrap: "unreachable" },
  DATA_LOSS: { asked: "provider_protocol", unwrap: "integrity" },
  UNAUTHENTICATED: { asked: "unauthenticated", unwrap: "unauthenticated" },
} as const satisfies Record<StatusName, Meaning>;

/** Statuses that need a word of explanation. */
const notes: Readonly<Partial<Record<StatusName, string>>> = {
  UNIMPLEMENTED: ": it does not serve KMS v2",
  UNKNOWN: ", which may be anything; its own log may tell",
};

/**
 * RESOURCE_EXHAUSTED to grpc-js, whoever says it of whose message. Ours are small: it is the plugin's that was not taken,
 * and nothing is throttled.
 */
const tooLarge = /^Received message larger than max/;

/** The failure of a call to it, in our own terms: with the code and a sentence of ours. */
export function failureOf(thrown: unknown, { verb, action }: PluginCall, socket: string): KmsError {
  if (!(thrown instanceof KmsError)) throw thrown;
  const { cause, code } = thrown;
  if (!(cause instanceof RpcFailure)) return abandoned(code, action);
  if (cause.unconnected !== undefined) {
    return new KmsError("unreachable", `Cannot ${action}: ${cause.unconnected}: ${printable(socket)}.`, { cause });
  }
  if (tooLarge.test(cause.message)) return unusableAnswer(action, "it is larger than any good one");
  const { asked, unwrap } = meanings[cause.status];
  const meant = verb === "unwrap" ? unwrap : asked;
  const sentence = `Cannot ${action}: the plugin answered ${cause.status}${notes[cause.status] ?? ""}.`;
  return new KmsError(meant === "silent" ? "unreachable" : meant, sentence, { cause });
}

/** Whether the plugin did not say if the bytes are bad or if it is unwell itself. */
export function isSilent(thrown: unknown): boolean {
  const cause = thrown instanceof KmsError ? thrown.cause : undefined;
  return cause instanceof RpcFailure && meanings[cause.status].unwrap === "silent";
}

/** An answer that cannot be used. */
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
