/**
 * The configuration as the rest of the program sees it: checked, complete, durations in milliseconds.
 *
 * @module
 */
import type { ForeignSource } from "../envelope/foreign.ts";
import type { WrapQuorum } from "../envelope/quorum.ts";
import type { UnwrapStrategy } from "../envelope/unwrap.ts";
import type { ProviderSettings } from "../provider/registry.ts";
import type { OutagePolicy } from "../services/kms/outage.ts";

/** A provider and what the key ring needs to know of it. */
export interface ProviderConfig {
  readonly name: string;
  /** Names it had before: wraps made under them are still opened with it. */
  readonly formerly: readonly string[];
  readonly settings: ProviderSettings;
}

/** A Unix socket. */
export interface SocketConfig {
  readonly path: string;
  /** For instance 0o600. */
  readonly mode: number;
  readonly owner: number | undefined;
  readonly group: number | undefined;
}

/** An address for HTTP. */
export interface ListenConfig {
  readonly hostname: string;
  readonly port: number;
}

/** A key that files of SOPS may name. */
export interface SopsKeyConfig {
  /** A DNS label. */
  readonly name: string;
  /** The names of those that wrap, at least one. */
  readonly providers: readonly string[];
  readonly wrap: WrapQuorum;
}

/** The whole of it. */
export interface Config {
  /** The file it came from, `undefined` for the embedded default. */
  readonly file: string | undefined;
  /** Warnings of `check` about the files that it names: whole sentences. */
  readonly remarks?: readonly string[];
  readonly socket: SocketConfig;
  /** The folder where the key IDs and versions are kept: nothing secret. */
  readonly state: string;
  readonly kms: { readonly v1beta1: boolean; readonly reportVersion: "v2" | "v2beta1" };
  readonly keyEpoch: number;
  readonly wrap: WrapQuorum;
  readonly unwrap: UnwrapStrategy;
  readonly cache: {
    readonly entries: number;
    readonly maxAgeMs: number;
    readonly graceOnOutageMs: number;
    readonly lifetimeMs: number;
  };
  readonly readyDek: { readonly maxAgeMs: number };
  readonly outage: { readonly policy: OutagePolicy; readonly afterMs: number };
  readonly probe: { readonly intervalMs: number };
  readonly drainMs: number;
  readonly telemetry: {
    /** `undefined` where it is switched off. */
    readonly listen: ListenConfig | undefined;
    readonly log: { readonly level: "debug" | "info" | "warn" | "error"; readonly format: "json" | "text" };
    /** A path, or `stdout`. */
    readonly audit: string | undefined;
  };
  readonly providers: readonly ProviderConfig[];
  /** Providers that only unwrap. */
  readonly retired: readonly ProviderConfig[];
  /** Names of providers of which nothing is left that they wrapped. */
  readonly forgotten: readonly string[];
  /** What other plugins wrote and is read, at most once for each format; nothing by default. */
  readonly readForeign: readonly ForeignSource[];
  /** The key service for SOPS, which is a process of its own. */
  readonly sops: {
    readonly socket: SocketConfig;
    /** `undefined` where it is switched off. */
    readonly listen: ListenConfig | undefined;
    /** A path, or `stdout`. */
    readonly audit: string | undefined;
    /** Whether nothing is encrypted, and no provider asked for more than to unwrap. */
    readonly decryptOnly: boolean;
    readonly keys: readonly SopsKeyConfig[];
  };
}
