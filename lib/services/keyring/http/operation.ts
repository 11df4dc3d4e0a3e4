/**
 * An operation of the API: the rule by which it is authorized, its input, and its work. `Pipeline` runs it.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError, type ProblemCode } from "../../../api/keyring/problems.ts";
import type { RouteRow } from "../../../api/keyring/route.ts";
import type { Verb } from "../../../api/keyring/verbs.ts";
import type { Identity } from "../policy/identity.ts";
import type { Policy } from "../policy/policy.ts";
import { allows } from "../policy/rights.ts";
import type { ApiAnswer, IncomingRequest } from "./exchange.ts";
import type { WriteCall } from "../secrets/model.ts";
import type { KeyringParts } from "./parts.ts";
import type { RenderProblem } from "./problem_answer.ts";

/** A line of the audit about a request that was answered. */
export interface AuditedTarget {
  readonly path?: string;
  readonly version?: number;
  readonly note?: string;
  /** The problem of this path among several; `ok` if left out. */
  readonly result?: ProblemCode;
}

/** The result of an operation. */
export interface OperationResult {
  readonly answer: ApiAnswer;
  /** One line of the audit for each; at least one. */
  readonly audited: readonly AuditedTarget[];
}

/** The subject of a request, for the audit line of a failure. */
export interface CallTrace {
  path?: string;
}

/** The parts of a call that do not depend on the operation. */
interface CallParts {
  readonly parts: KeyringParts;
  readonly request: IncomingRequest;
  readonly requestId: string;
  readonly identity: Identity | undefined;
  readonly policy: Policy;
  /** Aborted after the time for the operation, or when the client has gone. */
  readonly signal: AbortSignal;
  readonly trace: CallTrace;
}

/** An authenticated request with its checked input. */
export class OperationCall<Path = unknown, Query = unknown, Body = unknown> {
  readonly parts: KeyringParts;
  readonly request: IncomingRequest;
  readonly requestId: string;
  readonly policy: Policy;
  readonly signal: AbortSignal;
  readonly trace: CallTrace;
  readonly path: Path;
  readonly query: Query;
  readonly body: Body;
  /** The body as it was sent. */
  readonly text: string;
  /** Options of a write: check-and-set, and the record of the idempotency key. */
  readonly write: WriteCall;
  readonly #identity: Identity | undefined;

  constructor(
    common: CallParts,
    input: { readonly path: Path; readonly query: Query; readonly body: Body; readonly text: string },
    write: WriteCall,
  ) {
    this.parts = common.parts;
    this.request = common.request;
    this.requestId = common.requestId;
    this.policy = common.policy;
    this.signal = common.signal;
    this.trace = common.trace;
    this.#identity = common.identity;
    this.path = input.path;
    this.query = input.query;
    this.body = input.body;
    this.text = input.text;
    this.write = write;
  }

  /** The identity of the request. @throws {KeyringError} `unauthenticated` in an operation that needs none. */
  get identity(): Identity {
    if (this.#identity !== undefined) return this.#identity;
    throw new KeyringError("unauthenticated", "The request has no identity.");
  }

  /** @throws {KeyringError} `forbidden` */
  authorize(verb: Verb, path: SecretPath | FolderPath): void {
    requireRight(this.policy, this.identity, verb, path);
  }
}

/** @throws {KeyringError} `forbidden` */
export function requireRight(policy: Policy, identity: Identity, verb: Verb, path: SecretPath | FolderPath): void {
  if (!allows(policy, identity, verb, path)) throw lacksRight(identity, verb, path);
}

/** The refusal of a request by the policy. */
export function lacksRight({ name }: Identity, verb: Verb, path: SecretPath | FolderPath): KeyringError {
  // As in a rule of the policy, `/` is the whole store.
  const place = JSON.stringify(path === "" ? "/" : path);
  return new KeyringError(
    "forbidden",
    `Not permitted: ${name} does not have the verb ${verb} on ${place}; ask an administrator for a role that has it.`,
  );
}

/** See the module. */
export interface Operation<Path = unknown, Query = unknown, Body = unknown> {
  readonly action: string;
  readonly verb: RouteRow["verb"];
  readonly on: RouteRow["on"];
  readonly status: number;
  readonly query?: z.ZodMiniType<Query> | undefined;
  readonly body?: z.ZodMiniType<Body> | undefined;
  /** Maximum length of the body in bytes. */
  readonly maxBody: number;
  /** Milliseconds for the operation; a stream is not limited by it. */
  readonly timeoutMs: number;
  readonly ifMatch?: true | undefined;
  readonly idempotent?: true | undefined;
  /** Whether `X-Vault-Token` is taken, and a body without a content type. */
  readonly vault?: true | undefined;
  readonly renderProblem: RenderProblem;
  /** Refuses a request by its headers, before anything else. @throws {KeyringError} */
  refuse?(request: IncomingRequest): void;
  /** The path from the end of the target, percent-encoded. @throws {KeyringError} `path_invalid` */
  pathOf(encoded: string): Path;
  /** Authorizes the paths in the body. @throws {KeyringError} `forbidden` */
  authorize?(call: OperationCall<Path, Query, Body>): void;
  work(call: OperationCall<Path, Query, Body>): Promise<OperationResult>;
}
