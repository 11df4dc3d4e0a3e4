/**
 * The identities of a keyring over a store in memory: policy, authority, enrolments, tokens, authenticator.
 *
 * @module
 */
import { equal, match } from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { KeyringError, type ProblemCode } from "../../lib/api/keyring/problems.ts";
import { Authenticator } from "../../lib/services/keyring/identity/authenticator.ts";
import { CertificateAuthority } from "../../lib/services/keyring/identity/certificate_authority.ts";
import { Enrolments } from "../../lib/services/keyring/identity/enrolments.ts";
import { FailedAnswers } from "../../lib/services/keyring/identity/failed_answers.ts";
import { type TokenParts, Tokens } from "../../lib/services/keyring/identity/tokens.ts";
import type { Identity } from "../../lib/services/keyring/policy/identity.ts";
import { Policies } from "../../lib/services/keyring/policy/policies.ts";
import { FakeClock } from "./fake_clock.ts";
import { TestStore, type TestStoreOptions } from "./keyring_store.ts";

/** The identity of the admin socket. */
export const testAdmin: Identity = { kind: "local-admin", name: "local-admin", id: "0".repeat(32), roles: [] };

/** The parts that a test chooses. */
export interface TestIdentitiesOptions extends TestStoreOptions {
  readonly clock?: FakeClock;
  readonly verify?: TokenParts["verify"];
}

/** All parts over one store, with a clock that the test moves. */
export class TestIdentities extends TestStore {
  readonly time: FakeClock;
  readonly policies: Policies;
  readonly authority: CertificateAuthority;
  readonly failedAnswers: FailedAnswers;
  readonly enrolments: Enrolments;
  readonly tokens: Tokens;
  readonly authenticator: Authenticator;
  readonly verify: TokenParts["verify"];

  constructor(options: TestIdentitiesOptions = {}) {
    const clock = options.clock ?? new FakeClock();
    super({ ...options, clock });
    this.time = clock;
    this.verify = options.verify ?? (() => Promise.reject(new Error("this test has no login")));
    this.policies = new Policies(this);
    this.authority = new CertificateAuthority(this);
    this.failedAnswers = new FailedAnswers(clock);
    this.enrolments = new Enrolments(this);
    this.tokens = new Tokens(this);
    this.authenticator = new Authenticator(this);
  }

  /** Another server of the same store. */
  other(): TestIdentities {
    const { engine, provider, time, verify } = this;
    return new TestIdentities({ engine, provider, clock: time, verify });
  }

  /** Enrols a person by the admin socket. */
  async enrol(name: string, roles: readonly string[] = []): Promise<EnrolledPerson> {
    const { code, id } = await this.enrolments.create({ name, roles }, testAdmin, this.signal);
    const issued = await this.enrolments.redeem({ code, publicKey: newPublicKey() }, this.signal);
    return { id, code, der: derOf(issued.certificate) };
  }

  /** Authenticates a certificate. */
  byCertificate(der: Uint8Array): Promise<Identity> {
    return this.authenticator.authenticate({ kind: "certificate", der }, this.signal);
  }

  /** Authenticates a bearer token. */
  byToken(token: string): Promise<Identity> {
    return this.authenticator.authenticate({ kind: "bearer", token }, this.signal);
  }

  /** Waits for work, and moves the clock past the delay of each failed answer of these servers. */
  async finished<T>(work: Promise<T>, ...others: readonly TestIdentities[]): Promise<PromiseSettledResult<T>> {
    let result: PromiseSettledResult<T> | undefined;
    Promise.allSettled([work]).then(([settled]) => result = settled);
    while (result === undefined) {
      await this.time.settle();
      if ([this, ...others].some(({ failedAnswers }) => failedAnswers.held > 0)) await this.time.advance(2_000);
    }
    return result;
  }

  /** Checks that work fails. */
  async refuses(work: Promise<unknown>, code: ProblemCode, sentence: RegExp): Promise<void> {
    const result = await this.finished(work);
    const thrown: unknown = result.status === "rejected" ? result.reason : undefined;
    if (!(thrown instanceof KeyringError)) throw thrown ?? new Error("the work did not fail");
    match(thrown.message, sentence);
    equal(thrown.code, code);
  }
}

/** A person with a certificate. */
export interface EnrolledPerson {
  readonly id: string;
  readonly code: string;
  readonly der: Uint8Array;
}

/** A new public key, SubjectPublicKeyInfo. */
export function newPublicKey(): Uint8Array {
  return new Uint8Array(generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }));
}

/** The DER of the first certificate of a PEM text. */
export function derOf(pem: string): Uint8Array {
  return new Uint8Array(new X509Certificate(pem).raw);
}
