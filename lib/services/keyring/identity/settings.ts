/**
 * Settings of clusters and issuers.
 *
 * @module
 */
import type { SecretSource } from "../../../base/secret.ts";
import type { TlsFiles } from "../../../net/https/tls_files.ts";

/** Signature algorithms of JWTs (RFC 7518, RFC 8037) that an issuer may use: public keys alone. */
export const jwtAlgorithms = {
  RS256: true,
  RS384: true,
  RS512: true,
  PS256: true,
  PS384: true,
  PS512: true,
  ES256: true,
  ES384: true,
  ES512: true,
  EdDSA: true,
} as const satisfies Readonly<Record<string, true>>;

/** An algorithm of {@linkcode jwtAlgorithms}. */
export type JwtAlgorithm = keyof typeof jwtAlgorithms;

/** The settings of an issuer that its configuration may leave out. */
export const issuerDefaults = {
  algorithms: ["RS256", "ES256"],
  maxLifetimeMs: 3_600_000,
  /** Upper bound of `maxLifetimeMs`. */
  largestLifetimeMs: 86_400_000,
} as const satisfies { readonly algorithms: readonly JwtAlgorithm[] } & Readonly<Record<string, unknown>>;

/** Where the keys of an issuer come from. */
export type IssuerKeys =
  /** `jwks_uri` of the issuer's `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0). */
  | { readonly from: "discovery" }
  /** `https://…` of a key set (RFC 7517). */
  | { readonly from: "url"; readonly url: string }
  /** Path of a file with a key set. */
  | { readonly from: "file"; readonly path: string };

/** An issuer of JWTs, for instance a CI system. */
export interface IssuerSettings {
  /** As `roleNamePattern`; the policy names it, and identities carry it. */
  readonly name: string;
  /** The exact `iss` of its tokens; for `discovery` an `https://` address. */
  readonly issuer: string;
  /** The `aud` that a token must have. */
  readonly audience: string;
  readonly keys: IssuerKeys;
  /** At least one; see {@linkcode issuerDefaults}. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** Maximum of `exp` − `iat` in milliseconds; see {@linkcode issuerDefaults}. */
  readonly maxLifetimeMs: number;
  readonly tls: TlsFiles;
}

/** A Kubernetes cluster whose ServiceAccounts log in. */
export interface ClusterSettings {
  /** As `roleNamePattern`; the policy names it, and identities carry it. */
  readonly name: string;
  /** `https://host:port` of its API server. */
  readonly address: string;
  /** The audience that tokens must be made for. */
  readonly audience: string;
  /**
   * The token with which this server asks for reviews; it needs the ClusterRole `system:auth-delegator`. Without it, the
   * client certificate of `tls` is used.
   */
  readonly token?: SecretSource;
  readonly tls: TlsFiles;
}
