/**
 * The errors that etcd answers, as sentences.
 *
 * @module
 */
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import { field } from "../https/fields.ts";

/** The meaning of an answer. */
interface EtcdErrorRow {
  readonly code: ErrorCode;
  /** The end of a sentence, without its full stop. */
  readonly why: string;
  /** Whether the request can have been executed. */
  readonly executed: "no" | "unknown";
}

const waits = "the cluster has no leader; look at its members and at the network between them";
const slow = "the cluster did not agree in time; look at its disks and at the network between its members";

/** By the text of the error, without `etcdserver: `. The texts are those of etcd's `rpctypes`, 3.4 to 3.6. */
const etcdErrors = {
  "mvcc: required revision has been compacted": {
    code: "key_unknown",
    why: "the revision has been compacted",
    executed: "no",
  },
  "mvcc: required revision is a future revision": {
    code: "unreachable",
    why: "this member has not seen the revision yet",
    executed: "no",
  },
  "mvcc: database space exceeded": {
    code: "key_unusable",
    why: "its space quota is used up; compact and defragment it, raise the quota and disarm the alarm",
    executed: "no",
  },
  "request is too large": {
    code: "request_invalid",
    why: "the request is too large for it; set its option --max-request-bytes to 1572864 or more",
    executed: "no",
  },
  "too many operations in txn request": {
    code: "request_invalid",
    why: "the transaction is too long for it; set its option --max-txn-ops to 128 or more",
    executed: "no",
  },
  "permission denied": {
    code: "permission_denied",
    why: "this user has no right to these keys; set user and password, and grant its role readwrite on the prefix",
    executed: "no",
  },
  "user name is empty": {
    code: "unauthenticated",
    why: "it wants a user, and its gateway takes no certificate for one; set user and password",
    executed: "no",
  },
  "CommonName of client sending a request against gateway will be ignored and not used as expected": {
    code: "unauthenticated",
    why:
      "it has users, and its gateway then takes no client certificate with a common name; use one with an empty subject",
    executed: "no",
  },
  "authentication failed, invalid user ID or password": {
    code: "unauthenticated",
    why: "it does not know the user, or the password is another one",
    executed: "no",
  },
  "authentication is not enabled": {
    code: "config",
    why: "it has authentication off; take away user and password, or switch it on",
    executed: "no",
  },
  "invalid auth token": { code: "unauthenticated", why: "the token of the login is no longer valid", executed: "no" },
  "revision of auth store is old": {
    code: "unauthenticated",
    why: "its users or roles have changed since the login",
    executed: "no",
  },
  "no leader": { code: "unreachable", why: waits, executed: "unknown" },
  "not leader": { code: "unreachable", why: waits, executed: "unknown" },
  "leader changed": { code: "unreachable", why: "the leader has changed", executed: "unknown" },
  "request timed out": { code: "unreachable", why: slow, executed: "unknown" },
  "request timed out, possibly due to previous leader failure": {
    code: "unreachable",
    why: waits,
    executed: "unknown",
  },
  "request timed out, possibly due to connection lost": { code: "unreachable", why: slow, executed: "unknown" },
  "request timed out, waiting for the applied index took too long": {
    code: "unreachable",
    why: slow,
    executed: "unknown",
  },
  "too many requests": { code: "throttled", why: "it has too many requests waiting", executed: "no" },
  "server stopped": { code: "unreachable", why: "this member stops", executed: "unknown" },
  "unhealthy cluster": { code: "unreachable", why: waits, executed: "unknown" },
  "corrupt cluster": {
    code: "key_unusable",
    why: "its members differ (alarm CORRUPT); restore them from one member or from a backup",
    executed: "no",
  },
  "rpc not supported for learner": { code: "unreachable", why: "this member is a learner", executed: "no" },
  "requested lease not found": { code: "key_unknown", why: "the lease has ended", executed: "no" },
} as const satisfies Readonly<Record<string, EtcdErrorRow>>;

/** A text of {@linkcode etcdErrors}. */
export type EtcdReason = keyof typeof etcdErrors;

/** An error that etcd has answered. */
export class EtcdError extends KmsError {
  /** `undefined` for an error of another text. */
  readonly reason: EtcdReason | undefined;
  readonly executed: EtcdErrorRow["executed"];

  constructor(action: string, name: string, reason: EtcdReason | undefined, otherwise: string) {
    const { code, why, executed }: EtcdErrorRow = reason === undefined
      ? { code: "unreachable", why: otherwise, executed: "unknown" }
      : etcdErrors[reason];
    super(code, `Cannot ${action}: ${name} refuses: ${why}.`);
    this.reason = reason;
    this.executed = executed;
  }
}

/**
 * The error for an answer with another status than 200.
 *
 * @param name the server, as in `etcd at https://10.0.0.1:2379`.
 * @param body its parsed JSON, or its text if it is none. Only texts of the table are repeated.
 */
export function etcdErrorOf(action: string, name: string, status: number, body: unknown): KmsError {
  const text = typeof body === "string" ? etcdReasonOf(body.trim()) : field(body, "error") ?? field(body, "message");
  if (typeof text !== "string") {
    return new KmsError(
      "provider_protocol",
      `Cannot ${action}: ${name} answered ${status}, which is no answer of etcd's.`,
    );
  }
  const code = field(body, "code");
  const number = typeof code === "number" && Number.isInteger(code) ? code : status;
  return new EtcdError(
    action,
    name,
    etcdReasonOf(text),
    `it gives a reason that Trousseau does not know (code ${number})`,
  );
}

/** The row of a text. */
export function etcdReasonOf(text: string): EtcdReason | undefined {
  const short = text.replace(/^etcdserver: /, "");
  return Object.hasOwn(etcdErrors, short) ? short as EtcdReason : undefined;
}

/** Codes of connections that were never made. */
const unconnected: readonly unknown[] = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];

/** Whether a request that failed so has certainly not been executed. */
export function isUnexecuted(error: KmsError): boolean {
  if (error instanceof EtcdError) return error.executed === "no";
  const { cause } = error;
  return cause instanceof Error && "code" in cause && unconnected.includes(cause.code);
}

/** Whether another member, or the same one later, may answer. */
export function isPassing({ code }: KmsError): boolean {
  return code === "unreachable" || code === "deadline_exceeded" || code === "throttled" || code === "provider_protocol";
}
