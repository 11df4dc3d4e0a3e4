/**
 * Verifies JWTs of an OIDC issuer by its keys, without asking the issuer about the token.
 *
 * @module
 */
import type { JSONWebKeySet, JWTPayload } from "jose";
import type { KeyringError } from "../../../api/keyring/problems.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { HttpClient } from "../../../net/https/client.ts";
import type { ClaimValue } from "../policy/takers.ts";
import { IssuerKeySet } from "./issuer_keys.ts";
import { type JwtVerifier, refusedJwt, type VerifiedSubject } from "./login.ts";
import type { IssuerSettings } from "./settings.ts";

/** Seconds by which the clocks of issuer and server may differ. */
const skewSeconds = 60;
/** Maximum length of a subject in characters. */
const maxSubject = 512;
/** Maximum number of elements of a claim that is a list. */
const maxElements = 500;

/** Meanings of the error codes of `jose`, as the end of a sentence. */
const joseCodes: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: "it has expired",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "its signature does not verify",
  ERR_JOSE_ALG_NOT_ALLOWED: "its algorithm is not in the list of this issuer",
  ERR_JWKS_NO_MATCHING_KEY: "the issuer has no key of its ID and algorithm",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "it does not say which key of the issuer signed it",
};

/** Meanings of a claim that is wrong. */
const claimFailures: Readonly<Record<string, string>> = {
  aud: "it is for another audience",
  iss: "it is of another issuer",
  nbf: "it is not valid yet",
  sub: "it has no subject",
  exp: "it has no expiry",
  iat: "it has no time of issue",
};

/** One issuer. */
export class OidcIssuer implements JwtVerifier, Disposable {
  readonly name: string;
  readonly #settings: IssuerSettings;
  readonly #http: HttpClient;
  readonly #keys: IssuerKeySet;
  readonly #clock: Clock;

  private constructor(settings: IssuerSettings, http: HttpClient, clock: Clock) {
    this.name = settings.name;
    this.#settings = settings;
    this.#http = http;
    this.#clock = clock;
    this.#keys = new IssuerKeySet(settings, { http, clock });
  }

  /** Reads the TLS files. No network access. @throws {KmsError} `config` if the files cannot be used. */
  static async open(
    settings: IssuerSettings,
    { clock, notify }: { readonly clock: Clock; readonly notify: Notify },
  ): Promise<OidcIssuer> {
    const http = await HttpClient.open(`issuer ${settings.name}`, [], settings.tls, notify);
    return new OidcIssuer(settings, http, clock);
  }

  async verify(jwt: string, signal: AbortSignal): Promise<VerifiedSubject> {
    const payload = await this.#payload(jwt, signal);
    this.#checkTimes(payload);
    const { name } = this;
    const subject = subjectOf(payload);
    const taker = { kind: "issuer", name, subject, claims: claimsOf(payload) } as const;
    return { kind: "oidc", name: `oidc:${name}/${subject}`, taker };
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  async #payload(jwt: string, signal: AbortSignal): Promise<JWTPayload> {
    try {
      return await this.#verifyBy(await this.#keys.current(signal), jwt);
    } catch (thrown) {
      if (codeOf(thrown) !== "ERR_JWKS_NO_MATCHING_KEY") throw refusal(thrown);
    }
    try {
      // The issuer may have a new key since its keys were loaded.
      return await this.#verifyBy(await this.#keys.reloaded(signal), jwt);
    } catch (thrown) {
      throw refusal(thrown);
    }
  }

  async #verifyBy(keys: JSONWebKeySet, jwt: string): Promise<JWTPayload> {
    const { createLocalJWKSet, jwtVerify } = await import("jose");
    const { issuer, audience, algorithms } = this.#settings;
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(keys), {
      issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: skewSeconds,
      currentDate: new Date(this.#clock.wall()),
      requiredClaims: ["iss", "aud", "sub", "exp", "iat"],
    });
    return payload;
  }

  /** `exp` was checked already. */
  #checkTimes({ exp, iat }: JWTPayload): void {
    if (exp === undefined || iat === undefined || exp <= iat) throw refusedJwt("it expires before it was issued");
    if (iat > this.#clock.wall() / 1000 + skewSeconds) throw refusedJwt("it was issued in the future");
    if ((exp - iat) * 1000 > this.#settings.maxLifetimeMs) {
      throw refusedJwt("it lasts longer than tokens of this issuer may");
    }
  }
}

function subjectOf({ sub }: JWTPayload): string {
  // A subject is a part of a name in the audit.
  if (typeof sub !== "string" || sub === "" || sub.length > maxSubject || /\p{C}|\p{Z}/u.test(sub)) {
    throw refusedJwt("its subject is not a name of at most 512 characters without spaces");
  }
  return sub;
}

/** The claims that a policy can compare. */
function claimsOf(payload: JWTPayload): ReadonlyMap<string, ClaimValue> {
  const found = new Map<string, ClaimValue>();
  for (const [name, value] of Object.entries(payload)) {
    if (typeof value === "string") found.set(name, value);
    else if (typeof value === "boolean" || Number.isSafeInteger(value)) found.set(name, String(value));
    else if (Array.isArray(value) && value.length <= maxElements && value.every((one) => typeof one === "string")) {
      found.set(name, value);
    }
  }
  return found;
}

function codeOf(thrown: unknown): string {
  const code: unknown = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : "";
}

/** Errors of `jose` become refusals; those of this room stay as they are. */
function refusal(thrown: unknown): KeyringError | unknown {
  const code = codeOf(thrown);
  if (!code.startsWith("ERR_J")) return thrown;
  if (code !== "ERR_JWT_CLAIM_VALIDATION_FAILED") return refusedJwt(joseCodes[code] ?? "it does not verify", thrown);
  const claim: unknown = thrown instanceof Error && "claim" in thrown ? thrown.claim : undefined;
  return refusedJwt(claimFailures[String(claim)] ?? "a claim of it is wrong", thrown);
}
