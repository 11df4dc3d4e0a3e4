/**
 * The API over a whole keyring in memory: real records, secrets, identities, policy and audit on the engine of
 * `memory_engine.ts`.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import type { KeyringError } from "../../lib/api/keyring/problems.ts";
import { AuditChain } from "../../lib/services/keyring/audit/audit_chain.ts";
import type { DiskBoundKeys } from "../../lib/services/keyring/backup/openable.ts";
import { keyringApp, type KeyringAppOptions } from "../../lib/services/keyring/http/app.ts";
import type { AnswerRequest, ApiAnswer, RequestPeer } from "../../lib/services/keyring/http/exchange.ts";
import type { PartHealth } from "../../lib/services/keyring/http/health.ts";
import { ValueGenerators } from "../../lib/services/keyring/generators/value_generators.ts";
import type { KeyringParts, RunUpkeep } from "../../lib/services/keyring/http/parts.ts";
import type { AnsweredRequest } from "../../lib/services/keyring/http/pipeline.ts";
import { Authenticator } from "../../lib/services/keyring/identity/authenticator.ts";
import { CertificateAuthority } from "../../lib/services/keyring/identity/certificate_authority.ts";
import { Enrolments } from "../../lib/services/keyring/identity/enrolments.ts";
import { FailedAnswers } from "../../lib/services/keyring/identity/failed_answers.ts";
import type { JwtVerifier } from "../../lib/services/keyring/identity/login.ts";
import { LoginVerifier } from "../../lib/services/keyring/identity/login.ts";
import { Tokens } from "../../lib/services/keyring/identity/tokens.ts";
import { Policies } from "../../lib/services/keyring/policy/policies.ts";
import { auditKeys, auditLinesIn } from "./audit_files.ts";
import { TestSecrets } from "./keyring_secrets.ts";

/** Options of a {@linkcode TestKeyring}. */
export interface TestKeyringOptions {
  readonly clock?: Clock;
  readonly rate?: KeyringAppOptions["rate"];
  readonly clusters?: readonly JwtVerifier[];
  readonly issuers?: readonly JwtVerifier[];
}

/** A request of a test. */
export interface TestRequest {
  /** JSON unless it is a text or bytes. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The admin socket if left out. */
  readonly peer?: RequestPeer;
  readonly signal?: AbortSignal;
}

/** An answer. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
  readonly text: string;
}

/** See the module. */
export class TestKeyring implements AsyncDisposable {
  readonly store: TestSecrets;
  readonly authority: CertificateAuthority;
  readonly policies: Policies;
  readonly enrolments: Enrolments;
  readonly tokens: Tokens;
  readonly answered: AnsweredRequest[] = [];
  readonly auditPath: string;
  readonly parts: KeyringParts;
  readonly answer: AnswerRequest;
  readonly clock: Clock;
  health: readonly PartHealth[] = [{ name: "store", state: "ok" }];
  /** While it is set, the store counts as not open. */
  unavailable: KeyringError | undefined;
  /** While it is set, no line of the audit can be written. */
  auditFailure: KeyringError | undefined;
  /** While it is set, the last line of the audit could not be written. */
  auditBroken: KeyringError | undefined;
  /** Denials without an identity. */
  readonly denied: { readonly address: string; readonly action: string; readonly result: string }[] = [];
  generators = new ValueGenerators();
  /** The reason why a backup could not be opened elsewhere. */
  diskBound: DiskBoundKeys | undefined;
  /** Whether the certificate of the server is the operator's. */
  ownCertificate = false;
  /** The work on the whole store. */
  upkeep: RunUpkeep = () => Promise.resolve({ rows: 0 });
  readonly #audit: AuditChain;

  private constructor(options: TestKeyringOptions, folder: string, audit: AuditChain) {
    const clock = this.clock = options.clock ?? systemClock;
    this.store = new TestSecrets({ clock });
    const { store, secrets } = this.store;
    this.#audit = audit;
    this.auditPath = `${folder}/audit.log`;
    this.authority = new CertificateAuthority({ store, clock });
    this.policies = new Policies({ store, clock });
    const failedAnswers = new FailedAnswers(clock);
    const verifier = new LoginVerifier({ clusters: options.clusters ?? [], issuers: options.issuers ?? [] });
    const { policies, authority } = this;
    this.enrolments = new Enrolments({ store, clock, policies, authority, failedAnswers });
    const verify: ConstructorParameters<typeof Tokens>[0]["verify"] = (request, signal) =>
      verifier.verify(request, signal);
    this.tokens = new Tokens({ store, clock, policies, failedAnswers, verify });
    const { enrolments, tokens } = this;
    const authenticator = new Authenticator({ store, clock, policies, failedAnswers });
    this.parts = {
      clock,
      store,
      secrets,
      generators: { generate: (...call) => this.generators.generate(...call) },
      authenticator,
      enrolments,
      tokens,
      policies,
      authorities: (signal) => this.ownCertificate ? Promise.resolve(undefined) : authority.trusted(signal),
      audit: {
        record: (entry, signal) =>
          this.auditFailure === undefined ? audit.record(entry, signal) : Promise.reject(this.auditFailure),
        deny: (address, denial) => {
          this.denied.push({ address, ...denial });
          audit.deny(address, denial);
        },
        head: () => audit.head(),
        requireWritable: () => {
          if (this.auditBroken !== undefined) throw this.auditBroken;
        },
        health: () => audit.health(),
      },
      auditKey: {
        serverId: "s1",
        publicKey: auditKeys.publicKey.export({ type: "spki", format: "pem" }).toString(),
      },
      diskBound: () => Promise.resolve(this.diskBound),
      async *backup() {
        yield await Promise.resolve(utf8("backup"));
      },
      upkeep: (request, call) => this.upkeep(request, call),
    };
    this.answer = keyringApp({
      parts: () => {
        if (this.unavailable !== undefined) throw this.unavailable;
        return this.parts;
      },
      clock,
      rate: options.rate ?? { perSecond: 10_000, burst: 10_000 },
      onAnswered: (answered) => void this.answered.push(answered),
      health: () => this.health,
      version: "0.1.0",
      kvMount: "secret",
    });
  }

  /** @param folder of the audit file. */
  static async open(folder: string, options: TestKeyringOptions = {}): Promise<TestKeyring> {
    const clock = options.clock ?? systemClock;
    const audit = await AuditChain.open({
      path: `${folder}/audit.log`,
      serverId: "s1",
      signingKey: auditKeys.privateKey,
      clock,
      onFailure: "refuse",
    });
    return new TestKeyring(options, folder, audit);
  }

  /** Sends a request to the application. */
  async send(method: string, target: string, request: TestRequest = {}): Promise<TestAnswer> {
    const answer = await this.stream(method, target, request);
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body: isJson && text !== "" ? JSON.parse(text) : text,
    };
  }

  /** Sends a request to the application, and leaves the body to the caller. */
  async stream(method: string, target: string, request: TestRequest = {}): Promise<Response> {
    const { body, headers = {}, peer = { socket: "admin" }, signal = new AbortController().signal } = request;
    const bytes = body === undefined
      ? new Uint8Array(0)
      : body instanceof Uint8Array
      ? body
      : utf8(typeof body === "string" ? body : JSON.stringify(body));
    const all: Record<string, string> = body === undefined
      ? { ...headers }
      : { "content-type": "application/json", ...headers };
    const response = responseOf(
      await this.answer({
        method,
        target,
        peer,
        signal,
        header: (name) => all[name],
        body: (maxBytes) => {
          equal(bytes.length <= maxBytes, true, "a test sends no body that is too long for its route");
          return Promise.resolve(bytes);
        },
      }),
    );
    return method === "HEAD" ? new Response(null, { status: response.status, headers: response.headers }) : response;
  }

  /** A request that must be answered with a status. */
  async expect(status: number, method: string, target: string, request: TestRequest = {}): Promise<TestAnswer> {
    const answer = await this.send(method, target, request);
    equal(answer.status, status, `${method} ${target}: ${answer.text}`);
    return answer;
  }

  /** Sets the policy as the administrator. */
  async policy(text: string): Promise<void> {
    await this.expect(200, "PUT", "/api/v1/policy", { body: { text } });
  }

  /** A token of a role, as headers. */
  async token(role: string): Promise<TestRequest> {
    const body = { role, ttl: 3_600, name: `${role}-token` };
    const { token } = (await this.expect(201, "POST", "/api/v1/tokens", { body })).body;
    return { peer: { address: "192.0.2.1" }, headers: { authorization: `Bearer ${token}` } };
  }

  /** The lines of the audit about requests, without hashes and times. */
  // deno-lint-ignore no-explicit-any
  audited(): readonly any[] {
    return auditLinesIn(this.auditPath).filter(({ type }) => type === "entry");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#audit[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

/** The answer as a `Response`, which tests read. */
function responseOf({ status, headers, body = "" }: ApiAnswer): Response {
  if (status === 204) return new Response(null, { status, headers: { ...headers } });
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    return new Response(ReadableStream.from(body), { status, headers: { ...headers } });
  }
  const bytes = typeof body === "string" ? utf8(body) : body;
  const length = { "content-length": String(bytes.length) };
  return new Response(bytes as Uint8Array<ArrayBuffer>, { status, headers: { ...headers, ...length } });
}
