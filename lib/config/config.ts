/**
 * The configuration in the form that the program uses: validated, complete, with durations in milliseconds.
 *
 * @module
 */
import type { JwtAlgorithm } from "../services/keyring/identity/settings.ts";
import type { SecretSource } from "../base/secret.ts";
import type { ForeignSource } from "../envelope/foreign.ts";
import type { WrapQuorum } from "../envelope/quorum.ts";
import type { UnwrapStrategy } from "../envelope/unwrap.ts";
import type { ProviderSettings } from "../provider/registry.ts";
import type { OutagePolicy } from "../services/kms/outage.ts";
import type { TracesConfig } from "./traces.ts";

/** A provider, with the settings that concern the key ring. */
export interface ProviderConfig {
  readonly name: string;
  /** Former names: data keys wrapped under them are unwrapped with this provider. */
  readonly formerly: readonly string[];
  readonly settings: ProviderSettings;
}

/** A Unix socket. */
export interface SocketConfig {
  /** Absolute path. */
  readonly path: string;
  /** File mode, for instance 0o600. */
  readonly mode: number;
  /** User ID; `undefined`: the user of the process. */
  readonly owner: number | undefined;
  /** Group ID; `undefined`: the group of the process. */
  readonly group: number | undefined;
}

/** An HTTP listen address. */
export interface ListenConfig {
  readonly hostname: string;
  readonly port: number;
}

/** A key that SOPS files can refer to. */
export interface SopsKeyConfig {
  /** A DNS label. */
  readonly name: string;
  /** Names of the providers that wrap; at least one. */
  readonly providers: readonly string[];
  /** Number of its providers that must wrap a data key. */
  readonly wrap: WrapQuorum;
}

/** The store of the keyring. */
export type KeyringStoreConfig =
  | { readonly kind: "embedded"; readonly folder: string }
  | {
    readonly kind: "etcd";
    /** Origins of the members; at least one. */
    readonly endpoints: readonly string[];
    readonly prefix: string;
    readonly caFile: string | undefined;
    readonly certificateFile: string | undefined;
    readonly keyFile: string | undefined;
    readonly username: string | undefined;
    readonly password: SecretSource | undefined;
  };

/** An issuer of tokens whose holders may log in to the keyring. */
export interface KeyringIssuerConfig {
  readonly name: string;
  readonly kind: "kubernetes" | "oidc";
  /** Origin of the API server or of the issuer. */
  readonly url: string;
  readonly audience: string;
  /** The `iss` of its tokens, if it is not `url`. */
  readonly issuer: string | undefined;
  readonly caFile: string | undefined;
  readonly jwksFile: string | undefined;
  /** `https://…` of its public keys, without discovery. */
  readonly jwksUrl: string | undefined;
  /** Of an OIDC issuer: at least one. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** Of an OIDC issuer: maximum of `exp` − `iat` in milliseconds. */
  readonly maxLifetimeMs: number;
  /** For `kubernetes`: the token of the TokenReview. */
  readonly token: SecretSource | undefined;
}

/** The keyring server, which runs in its own process. */
export interface KeyringConfig {
  /** Whether the file has the section. */
  readonly isWritten: boolean;
  readonly store: KeyringStoreConfig;
  /** The folder of the server's own files. */
  readonly state: string;
  readonly adminSocket: SocketConfig;
  /** Further sockets, each with the name of its identity. */
  readonly sockets: readonly { readonly name: string; readonly socket: SocketConfig }[];
  /** The address of the API over TLS; `undefined` for none. */
  readonly listen: ListenConfig | undefined;
  readonly tls: {
    /** Names of the server beside `localhost`. */
    readonly names: readonly string[];
    /** `undefined`: the store's authority issues the certificate. */
    readonly files: { readonly certificateFile: string; readonly keyFile: string } | undefined;
  };
  readonly issuers: readonly KeyringIssuerConfig[];
  /** Path of the chained audit. */
  readonly audit: string;
  /** The treatment of requests while the audit cannot be written. */
  readonly auditFailure: "refuse" | "continue";
  /** The address of the HTTP pages; `undefined` if they are switched off. */
  readonly metrics: ListenConfig | undefined;
  /** The mount of the API of Vault's KV version 2. */
  readonly kvMount: string;
}

/** The whole configuration. */
export interface Config {
  /** Path of its file; `undefined` for the embedded default. */
  readonly file: string | undefined;
  /**
   * Hash of the settings that must be the same on all nodes, 16 hex digits: see `shared_hash.ts`. `undefined` for the
   * embedded default.
   */
  readonly hash?: string;
  /** Warnings of `check` about the files that the configuration names, as whole sentences. */
  readonly remarks?: readonly string[];
  readonly socket: SocketConfig;
  /** The folder in which key IDs and versions are stored; they are not secret. */
  readonly state: string;
  /** Whether KMS v1beta1 is served in addition to v2, and the version in the response of Status. */
  readonly kms: { readonly v1beta1: boolean; readonly reportVersion: "v2" | "v2beta1" };
  /** Part of the key ID, from 0 to 2^32 - 1; the same on all nodes. */
  readonly keyEpoch: number;
  /** Number of providers that must wrap a data key. */
  readonly wrap: WrapQuorum;
  /** Order in which providers are tried for an unwrap. */
  readonly unwrap: UnwrapStrategy;
  /** Unwrapped data keys in memory: their maximum number and ages; see `cache` of the schema. */
  readonly cache: {
    readonly entries: number;
    readonly maxAgeMs: number;
    readonly graceOnOutageMs: number;
    readonly lifetimeMs: number;
  };
  /** Age in milliseconds after which KMS v1beta1 gets a new data key. */
  readonly readyDek: { readonly maxAgeMs: number };
  /** The policy during an outage of providers, and the duration in milliseconds after which it applies. */
  readonly outage: { readonly policy: OutagePolicy; readonly afterMs: number };
  /** Milliseconds between two probes of a provider, varied by 10 %. */
  readonly probe: { readonly intervalMs: number };
  /** Maximum duration of pending calls after SIGTERM, in milliseconds. */
  readonly drainMs: number;
  readonly telemetry: {
    /** `undefined` if it is switched off. */
    readonly listen: ListenConfig | undefined;
    readonly log: { readonly level: "debug" | "info" | "warn" | "error"; readonly format: "json" | "text" };
    /** A path, or `stdout`. */
    readonly audit: string | undefined;
    /** The traces of the plugin; `undefined` if they are switched off. */
    readonly traces?: TracesConfig | undefined;
  };
  /** Providers that wrap and unwrap. */
  readonly providers: readonly ProviderConfig[];
  /** Providers that only unwrap. */
  readonly retired: readonly ProviderConfig[];
  /** Names of providers for which no data key remains that they wrapped. */
  readonly forgotten: readonly string[];
  /** Data of other plugins that can be read, at most one entry for each format; empty by default. */
  readonly readForeign: readonly ForeignSource[];
  /** The key service for SOPS, which runs in its own process. */
  readonly sops: {
    readonly socket: SocketConfig;
    /** `undefined` if it is switched off. */
    readonly listen: ListenConfig | undefined;
    /** A path, or `stdout`. */
    readonly audit: string | undefined;
    /** Whether the service only decrypts, so that no provider needs the permission to wrap. */
    readonly decryptOnly: boolean;
    readonly keys: readonly SopsKeyConfig[];
  };
  readonly keyring: KeyringConfig;
}
