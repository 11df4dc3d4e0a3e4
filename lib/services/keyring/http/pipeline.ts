/**
 * Runs operations: authenticate, authorize, work, audit, answer, in this order. A line of the audit is in the kernel
 * before a value, or the success of a write, is answered.
 *
 * @module
 */
import { folderPath } from "../../../api/keyring/paths.ts";
import { KeyringError, type ProblemCode, problems } from "../../../api/keyring/problems.ts";
import { concat, utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { coalescedTimers, type Deadline, deadline, type SetTimer } from "../../../base/deadline.ts";
import type { Authenticated } from "../identity/authenticator.ts";
import type { Identity } from "../policy/identity.ts";
import type { Policy } from "../policy/policy.ts";
import { mayReach } from "../policy/rights.ts";
import { credentialsOf } from "./credentials.ts";
import { type ApiAnswer, type IncomingRequest, jsonAnswer } from "./exchange.ts";
import { IdempotencyKeys, type IdempotencyRecord } from "./idempotency.ts";
import {
  type AuditedTarget,
  type CallTrace,
  lacksRight,
  type Operation,
  OperationCall,
  type OperationResult,
  requireRight,
} from "./operation.ts";
import type { KeyringAuditEntry } from "../../../api/keyring/audit_format.ts";
import type { WriteCall } from "../secrets/model.ts";
import type { KeyringParts } from "./parts.ts";
import { toKeyringError } from "./problem_answer.ts";
import { requestIdOf, withCommonHeaders } from "./request_id.ts";
import { RateLimit, type RateOptions } from "./rate_limit.ts";
import { checkedBody, checkedQuery, idempotencyKeyOf, ifMatchOf, refuseBrowsers } from "./request_input.ts";
import type { RequestTarget } from "./target.ts";

/** A request that was answered, for metrics and the log. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly action: string;
  readonly status: number;
  readonly result: "ok" | ProblemCode;
  /** Seconds until the head of the answer. */
  readonly seconds: number;
  /** For `internal` and `integrity`: the failure. */
  readonly error?: KeyringError;
}

/** Options of a pipeline. */
export interface PipelineOptions {
  /** The parts, once the store is opened. @throws {KeyringError} `kms_unavailable` or `draining` until then. */
  readonly parts: () => KeyringParts;
  readonly clock: Clock;
  readonly rate: RateOptions;
  readonly onAnswered: (answered: AnsweredRequest) => void;
}

/** A request for an operation. */
export interface RoutedRequest {
  readonly request: IncomingRequest;
  readonly target: RequestTarget;
  /** The part of the target's path that stands for a secret, a folder or an ID, percent-encoded. */
  readonly encodedPath: string;
}

/** A request with its identity and policy. */
interface Admitted {
  readonly parts: KeyringParts;
  readonly request: IncomingRequest;
  readonly requestId: string;
  readonly identity: Identity | undefined;
  readonly policy: Policy;
  readonly signal: AbortSignal;
  readonly trace: CallTrace;
}

/** Milliseconds: for the lines of a request in the audit; by how much a deadline is late at most. */
const times = { audit: 30_000, tick: 250 } as const;

/** See the module. One for each server. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #rates: RateLimit;
  readonly #after: SetTimer;

  constructor(options: PipelineOptions) {
    const { clock, rate } = options;
    this.#options = options;
    this.#rates = new RateLimit(rate, clock);
    this.#after = coalescedTimers((ms, fire) => clock.after(ms, fire), times.tick, () => clock.now());
  }

  /** Answers a request. It never rejects. */
  async run<Path, Query, Body>(routed: RoutedRequest, operation: Operation<Path, Query, Body>): Promise<ApiAnswer> {
    const requestId = requestIdOf(routed.request);
    const startedAt = this.#options.clock.now();
    const note = (status: number, result: AnsweredRequest["result"], error?: KeyringError) =>
      this.#options.onAnswered({
        requestId,
        action: operation.action,
        status,
        result,
        seconds: (this.#options.clock.now() - startedAt) / 1_000,
        ...(error === undefined ? {} : { error }),
      });
    try {
      const answer = await this.#run(routed, operation, requestId);
      note(answer.status, "ok");
      return withCommonHeaders(answer, requestId);
    } catch (thrown) {
      const error = toKeyringError(thrown);
      const answer = operation.renderProblem(error, requestId);
      note(answer.status, error.code, isFailureInside(error) ? error : undefined);
      return withCommonHeaders(answer, requestId);
    }
  }

  async #run<Path, Query, Body>(
    routed: RoutedRequest,
    operation: Operation<Path, Query, Body>,
    requestId: string,
  ): Promise<ApiAnswer> {
    const { request } = routed;
    const parts = this.#options.parts();
    refuseBrowsers(request);
    operation.refuse?.(request);
    // A change is made to its end: else whoever hangs up at the right moment has made one that no line of the audit names.
    const isChange = request.method !== "GET";
    using time = this.#deadline(operation.timeoutMs, isChange ? undefined : request.signal);
    const common = { parts, request, requestId, signal: time.signal, trace: {} };
    const found = operation.verb === "none" ? undefined : await this.#identify(common, operation);
    const identity = found?.identity;
    try {
      // The admin socket is open to one user of the machine.
      if (identity !== undefined && identity.kind !== "local-admin") this.#rates.take(identity.id);
      parts.audit.requireWritable();
      const policy = found?.policy ?? await parts.policies.current(time.signal);
      const { answer, audited } = await this.#work(routed, operation, { ...common, identity, policy });
      const lines = audited.map((target) => lineOf(requestId, identity, operation, request, target));
      await this.#record(parts, lines);
      return answer;
    } catch (thrown) {
      const error = toKeyringError(thrown);
      if (error.code !== "audit_unavailable") await this.#auditFailure({ ...common, identity }, operation, error);
      throw error;
    }
  }

  async #identify(
    { parts, request, signal }: Omit<Admitted, "identity" | "policy" | "trace">,
    operation: Pick<Operation, "action" | "vault">,
  ): Promise<Authenticated> {
    const { credentials, role } = credentialsOf(request, operation.vault === true);
    try {
      const { identity, policy } = await parts.authenticator.identify(credentials, signal);
      return { identity: role === undefined ? identity : withRole(identity, role), policy };
    } catch (thrown) {
      const error = toKeyringError(thrown);
      this.#deny(parts, request, operation, error);
      throw error;
    }
  }

  async #work<Path, Query, Body>(
    { target, encodedPath }: RoutedRequest,
    operation: Operation<Path, Query, Body>,
    admitted: Admitted,
  ): Promise<OperationResult> {
    const { request, signal } = admitted;
    const path = operation.pathOf(encodedPath);
    if (operation.on === "url" || operation.on === "entries") admitted.trace.path = String(path);
    authorizeTarget(operation, path, admitted);
    const query = checkedQuery(operation.query, target.query) as Query;
    const cas = ifMatchOf(request, operation.ifMatch === true);
    const key = idempotencyKeyOf(request, operation.idempotent === true);
    const read = await checkedBody(request, operation.body, operation.maxBody, operation.vault === true);
    const input = { path, query, body: read.value as Body, text: read.text };
    const callWith = (alongside?: WriteCall["alongside"]) =>
      new OperationCall(admitted, input, {
        signal,
        ...(cas === undefined ? {} : { cas }),
        ...(alongside === undefined ? {} : { alongside }),
      });
    const call = callWith();
    operation.authorize?.(call);
    if (key === undefined) return await operation.work(call);
    const keys = new IdempotencyKeys(admitted.parts.store, this.#options.clock);
    const keyed = {
      key,
      identity: call.identity,
      method: request.method,
      target: request.target,
      // The version of If-Match is a part of the request.
      body: cas === undefined ? read.bytes : concat(read.bytes, utf8(`\nIf-Match: ${cas}`)),
      status: operation.status,
    };
    const once = await keys.once(keyed, (alongside) => operation.work(callWith(alongside)), signal);
    return "record" in once ? replayOf(once.record) : once.result;
  }

  #deadline(ms: number, parent?: AbortSignal): Deadline {
    return deadline(ms, parent, this.#after, () => this.#options.clock.now());
  }

  /** Writes lines. They have a time of their own, since that of the request may have ended. */
  async #record({ audit }: KeyringParts, lines: readonly KeyringAuditEntry[]): Promise<void> {
    using time = this.#deadline(times.audit);
    await Promise.all(lines.map((line) => audit.record(line, time.signal)));
  }

  /** A failure of a request with an identity is one line; of one without, or beyond its rate, a count by address. */
  async #auditFailure(
    { parts, request, requestId, identity, trace }: Omit<Admitted, "policy">,
    operation: Pick<Operation, "action" | "vault">,
    error: KeyringError,
  ): Promise<void> {
    if (identity === undefined || error.code === "rate_limited") {
      if (!request.signal.aborted) this.#deny(parts, request, operation, error);
      return;
    }
    await this.#record(parts, [lineOf(requestId, identity, operation, request, trace, error.code)]);
  }

  #deny(
    { audit }: KeyringParts,
    request: IncomingRequest,
    { action }: Pick<Operation, "action">,
    { code }: KeyringError,
  ): void {
    audit.deny(addressOf(request), { action, result: code });
  }
}

/** Whether an operator must see the error. Refusals have their line in the audit, and whoever asked has the sentence. */
function isFailureInside({ code }: KeyringError): boolean {
  return problems[code].kind === "internal";
}

/** The identity with one of its roles. @throws {KeyringError} `unauthenticated` */
function withRole(identity: Identity, role: string): Identity {
  if (identity.roles.includes(role)) return { ...identity, roles: [role] };
  throw new KeyringError("unauthenticated", `The token is refused: ${identity.name} no longer has its role.`);
}

function authorizeTarget(
  { verb, on }: Pick<Operation, "verb" | "on">,
  path: unknown,
  { identity, policy }: Admitted,
): void {
  if (verb === "none" || verb === "identity" || on === "body") return;
  if (identity === undefined) throw new KeyringError("unauthenticated", "The request has no identity.");
  if (on === "server") return requireRight(policy, identity, verb, folderPath(""));
  // The path was made by `secretPath` or `folderPath`; see `Operation.pathOf`.
  const canonical = path as Parameters<typeof requireRight>[3];
  if (on === "url") return requireRight(policy, identity, verb, canonical);
  const folder = folderPath(canonical);
  // An entry is seen only if it may be listed, also where the route needs another verb.
  const lacking = [verb, "list" as const].find((needed) => !mayReach(policy, identity, needed, folder));
  if (lacking !== undefined) throw lacksRight(identity, lacking, folder);
}

/** The answer to a repeated request: the first one's status, path, version and fingerprint. */
function replayOf({ status, path, version, fingerprint }: IdempotencyRecord): OperationResult {
  const body = { path, version, ...(fingerprint === undefined ? {} : { fingerprint }) };
  return {
    answer: jsonAnswer(status, body, { "idempotency-replayed": "true" }),
    audited: [{ path, version, note: "repeated with an idempotency key" }],
  };
}

function lineOf(
  requestId: string,
  identity: Identity | undefined,
  { action }: Pick<Operation, "action">,
  request: IncomingRequest,
  target: AuditedTarget,
  result: KeyringAuditEntry["result"] = target.result ?? "ok",
): KeyringAuditEntry {
  return {
    requestId,
    identity: identity?.name ?? "none",
    action,
    ...target,
    result,
    address: addressOf(request),
  };
}

function addressOf({ peer }: IncomingRequest): string {
  return peer.address ?? (peer.socket === undefined ? "unknown" : `socket:${peer.socket}`);
}
