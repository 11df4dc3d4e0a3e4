/**
 * The key set of an issuer, kept in memory.
 *
 * @module
 */
import type { JSONWebKeySet } from "jose";
import * as z from "zod/mini";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { utf8Text } from "../../../base/bytes.ts";
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { orAborted } from "../../../base/deadline.ts";
import { readRegularFile, whyUnreadable } from "../../../base/durable_file.ts";
import { KmsError } from "../../../base/errors.ts";
import type { HttpClient } from "../../../net/https/client.ts";
import type { IssuerSettings } from "./settings.ts";

/** Times in milliseconds. */
export const keySetTimes = {
  /** Older sets are loaded again. */
  maxAge: 600_000,
  /** If that fails, a set is used up to this age. */
  maxStale: 3_600_000,
  /** Minimum interval of loads, also for tokens with an unknown key. */
  interval: 30_000,
  /** The same after a load that failed. */
  retry: 5_000,
  /** Timeout of a load. */
  load: 10_000,
} as const;

const maxFileBytes = 1_048_576;
const maxKeys = 100;

const keySetSchema = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).check(z.maxLength(maxKeys)),
});

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() });

interface LoadedKeys {
  readonly keys: JSONWebKeySet;
  readonly at: number;
}

/** Loads the keys of one issuer. */
export class IssuerKeySet {
  readonly #settings: IssuerSettings;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  #loaded: LoadedKeys | undefined;
  #triedAt = -Infinity;
  #failure: KeyringError | undefined;
  #loading: Promise<void> | undefined;

  constructor(settings: IssuerSettings, parts: { readonly http: HttpClient; readonly clock: Clock }) {
    this.#settings = settings;
    this.#http = parts.http;
    this.#clock = parts.clock;
  }

  /**
   * The keys; at most 10 minutes old, or an hour if the issuer cannot be asked.
   *
   * @throws {KeyringError} `issuer_unavailable`
   */
  async current(signal: AbortSignal): Promise<JSONWebKeySet> {
    if (this.#age() > keySetTimes.maxAge) await this.#load(signal);
    return this.#usable();
  }

  /**
   * The keys, loaded again for a token whose key is not among them, unless they were loaded within the last 30 seconds.
   *
   * @throws {KeyringError} `issuer_unavailable`
   */
  async reloaded(signal: AbortSignal): Promise<JSONWebKeySet> {
    await this.#load(signal);
    return this.#usable();
  }

  #age(): number {
    return this.#loaded === undefined ? Infinity : this.#clock.now() - this.#loaded.at;
  }

  #usable(): JSONWebKeySet {
    if (this.#loaded !== undefined && this.#age() <= keySetTimes.maxStale) return this.#loaded.keys;
    throw this.#failure ?? unavailable(this.#settings.name, "they were not loaded yet");
  }

  /** Callers share one load. It does not end with the caller that started it. */
  async #load(signal: AbortSignal): Promise<void> {
    const interval = this.#failure === undefined ? keySetTimes.interval : keySetTimes.retry;
    if (this.#loading === undefined && this.#clock.now() - this.#triedAt < interval) return;
    this.#loading ??= this.#loadOnce().finally(() => this.#loading = undefined);
    try {
      await orAborted(this.#loading, signal, "load keys");
    } catch (cause) {
      throw unavailable(this.#settings.name, "the request ended before they were loaded", cause);
    }
  }

  /** Never rejects. */
  async #loadOnce(): Promise<void> {
    using bounded = deadlineBy(this.#clock, keySetTimes.load, new AbortController().signal);
    this.#triedAt = this.#clock.now();
    try {
      this.#loaded = { keys: await this.#read(bounded.signal), at: this.#clock.now() };
      this.#failure = undefined;
    } catch (thrown) {
      const why = thrown instanceof KmsError
        ? thrown.message.replace(/^Cannot [^:]*: |\.$/g, "")
        : "they cannot be read";
      this.#failure = thrown instanceof KeyringError ? thrown : unavailable(this.#settings.name, why, thrown);
    }
  }

  async #read(signal: AbortSignal): Promise<JSONWebKeySet> {
    const { keys, name, issuer } = this.#settings;
    if (keys.from === "file") return this.#parse(jsonOf(await this.#readFile(keys.path)));
    const url = keys.from === "url" ? keys.url : await this.#discover(issuer, signal);
    if (!url.startsWith("https://")) throw unavailable(name, "their address does not begin with https://");
    return this.#parse(await this.#get(url, signal));
  }

  async #readFile(path: string): Promise<string> {
    try {
      return utf8Text(await readRegularFile(path, maxFileBytes)) ?? "";
    } catch (cause) {
      throw unavailable(this.#settings.name, `the file ${path} cannot be read: ${whyUnreadable(cause, path)}`, cause);
    }
  }

  async #discover(issuer: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#get(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
    const document = discoverySchema.safeParse(answer);
    if (document.success && document.data.issuer === issuer) return document.data.jwks_uri;
    throw unavailable(this.#settings.name, "its discovery document is not one of this issuer");
  }

  async #get(address: string, signal: AbortSignal): Promise<unknown> {
    const { name } = this.#settings;
    if (!URL.canParse(address)) throw unavailable(name, "their address is not a URL");
    const { origin, pathname, search } = new URL(address);
    const request = { method: "GET", path: `${pathname}${search}`, headers: { accept: "application/json" } } as const;
    const server = { name: `The issuer ${name}`, origin };
    const { status, body } = await this.#http.ask(server, request, { signal, action: "load the keys of an issuer" });
    if (status === 200) return body;
    throw unavailable(name, `${origin} answered with status ${status}`);
  }

  #parse(value: unknown): JSONWebKeySet {
    const parsed = keySetSchema.safeParse(value);
    if (parsed.success) return parsed.data as JSONWebKeySet;
    throw unavailable(this.#settings.name, "they are no JSON Web Key Set");
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unavailable(issuer: string, why: string, cause?: unknown): KeyringError {
  return new KeyringError("issuer_unavailable", `Cannot load the keys of the issuer "${issuer}": ${why}.`, { cause });
}
