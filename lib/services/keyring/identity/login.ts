/**
 * Verifies the JWTs of logins against the configured clusters and issuers.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import { didYouMean } from "../../../base/nearest.ts";
import type { Taker } from "../policy/takers.ts";

/** The methods of login. */
export const loginMethods = {
  /** A token of a ServiceAccount, reviewed by its cluster. */
  kubernetes: "cluster",
  /** A token of an OIDC issuer, verified by its keys. */
  oidc: "issuer",
} as const satisfies Readonly<Record<string, "cluster" | "issuer">>;

/** A method of login. */
export type LoginMethodName = keyof typeof loginMethods;

/** The subject of a JWT that verifies. */
export interface VerifiedSubject {
  readonly kind: "kubernetes" | "oidc";
  /** Name in the audit, with the name of the cluster or issuer. */
  readonly name: string;
  readonly taker: Extract<Taker, { readonly subject: string }>;
}

/** One cluster or issuer. */
export interface JwtVerifier {
  /** The configured name. */
  readonly name: string;
  /**
   * @throws {KeyringError} `unauthenticated` for a token that does not verify; `issuer_unavailable` if the cluster or the
   *   issuer cannot be asked.
   */
  verify(jwt: string, signal: AbortSignal): Promise<VerifiedSubject>;
}

/** Maximum length of a JWT in characters. */
const maxJwt = 16_384;

/** Three parts in base64url. */
const jwtPattern = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** All configured clusters and issuers. */
export class LoginVerifier {
  readonly #verifiers: Readonly<Record<"cluster" | "issuer", readonly JwtVerifier[]>>;

  constructor(verifiers: { readonly clusters: readonly JwtVerifier[]; readonly issuers: readonly JwtVerifier[] }) {
    this.#verifiers = { cluster: verifiers.clusters, issuer: verifiers.issuers };
  }

  /**
   * Verifies a JWT by the cluster or issuer of a name, or by the only one of the method.
   *
   * @throws {KeyringError} as {@linkcode JwtVerifier.verify}; `request_invalid` if there is no cluster or issuer of the
   *   name, or several and no name.
   */
  async verify(
    { method, issuer, jwt }: { readonly method: LoginMethodName; readonly issuer?: string; readonly jwt: string },
    signal: AbortSignal,
  ): Promise<VerifiedSubject> {
    const verifier = this.#find(method, issuer);
    if (jwt.length > maxJwt || !jwtPattern.test(jwt)) throw refusedJwt("it has not the form of a JWT");
    return await verifier.verify(jwt, signal);
  }

  #find(method: LoginMethodName, name: string | undefined): JwtVerifier {
    const kind = loginMethods[method];
    const configured = this.#verifiers[kind];
    const [only] = configured;
    if (only === undefined) throw invalid(`no ${kind} is configured`);
    if (name === undefined) {
      if (configured.length === 1) return only;
      throw invalid(`${configured.length} are configured for this method; give the name of the ${kind}`);
    }
    const found = configured.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw invalid(`no ${kind} of this name is configured`, didYouMean(name, configured.map(({ name }) => name)));
  }
}

/** The error for a JWT. @param why the end of a sentence, without a part of the token. */
export function refusedJwt(why: string, cause?: unknown): KeyringError {
  return new KeyringError("unauthenticated", `The token of the login is refused: ${why}.`, { cause });
}

function invalid(why: string, hint = ""): KeyringError {
  return new KeyringError("request_invalid", `Cannot log in: ${why}.${hint}`);
}
