/**
 * Verifies tokens of ServiceAccounts by a TokenReview of their cluster.
 *
 * @module
 */
import * as z from "zod/mini";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { sha256Hex, utf8 } from "../../../base/bytes.ts";
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { KmsError } from "../../../base/errors.ts";
import type { HttpAnswer } from "../../../net/https/http_answer.ts";
import { HttpClient } from "../../../net/https/client.ts";
import { jsonRequest } from "../../../net/https/endpoint.ts";
import type { Notify } from "../../../telemetry/events.ts";
import type { ClaimValue } from "../policy/takers.ts";
import { type JwtVerifier, refusedJwt, type VerifiedSubject } from "./login.ts";
import type { ClusterSettings } from "./settings.ts";

/** Times in milliseconds. */
export const reviewTimes = {
  /** Timeout of a review. */
  ask: 10_000,
  /** A token that was accepted is not reviewed again for so long. */
  cached: 10_000,
} as const;

/** Maximum number of accepted tokens that are remembered. */
const maxCached = 1_000;

const path = "/apis/authentication.k8s.io/v1/tokenreviews";

/** The part of an answer that is used; the API server may add fields. */
const reviewSchema = z.object({
  status: z.object({
    authenticated: z.optional(z.boolean()),
    audiences: z.optional(z.array(z.string())),
    user: z.optional(z.object({
      username: z.optional(z.string()),
      groups: z.optional(z.array(z.string())),
      extra: z.optional(z.record(z.string(), z.array(z.string()))),
    })),
  }),
});

type Review = z.infer<typeof reviewSchema>["status"];

/** Names of a namespace and a ServiceAccount are DNS labels and subdomains. */
const usernamePattern = /^system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})$/;

interface CachedReview {
  readonly subject: VerifiedSubject;
  readonly until: number;
}

/** One cluster. */
export class KubernetesCluster implements JwtVerifier, Disposable {
  readonly name: string;
  readonly #settings: ClusterSettings;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  /** By the hash of the token, the oldest first. */
  readonly #cached = new Map<string, CachedReview>();

  private constructor(settings: ClusterSettings, http: HttpClient, clock: Clock) {
    this.name = settings.name;
    this.#settings = settings;
    this.#http = http;
    this.#clock = clock;
  }

  /** Reads the TLS files. No network access. @throws {KmsError} `config` if the files cannot be used. */
  static async open(
    settings: ClusterSettings,
    { clock, notify }: { readonly clock: Clock; readonly notify: Notify },
  ): Promise<KubernetesCluster> {
    const http = await HttpClient.open(
      `cluster ${settings.name}`,
      [{ name: settings.name, origin: settings.address }],
      settings.tls,
      notify,
    );
    return new KubernetesCluster(settings, http, clock);
  }

  async verify(jwt: string, signal: AbortSignal): Promise<VerifiedSubject> {
    const key = sha256Hex(utf8(jwt));
    const cached = this.#cached.get(key);
    if (cached !== undefined && cached.until > this.#clock.now()) return cached.subject;
    const askedAt = this.#clock.now();
    const subject = this.#accepted(await this.#review(jwt, signal));
    this.#remember(key, { subject, until: askedAt + reviewTimes.cached });
    return subject;
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
    this.#cached.clear();
  }

  #accepted({ authenticated, audiences, user }: Review): VerifiedSubject {
    if (authenticated !== true) throw refusedJwt("its cluster does not accept it");
    // An API server that does not know audiences accepts a token for any of them.
    if (audiences?.includes(this.#settings.audience) !== true) throw refusedJwt("it is for another audience");
    const username = user?.username ?? "";
    const [, namespace, account] = usernamePattern.exec(username) ?? [];
    if (namespace === undefined || account === undefined) throw refusedJwt("it is not a token of a ServiceAccount");
    const claims = new Map<string, ClaimValue>(Object.entries(user?.extra ?? {}));
    claims.set("groups", user?.groups ?? []).set("namespace", namespace).set("serviceaccount", account);
    const name = `kubernetes:${this.name}/${namespace}/${account}`;
    return { kind: "kubernetes", name, taker: { kind: "cluster", name: this.name, subject: username, claims } };
  }

  async #review(token: string, signal: AbortSignal): Promise<Review> {
    const answer = await this.#ask(token, signal);
    if (answer.status === 401 || answer.status === 403) {
      throw this.#unavailable(
        `it refuses this server (status ${answer.status}); bind the ClusterRole system:auth-delegator to its ServiceAccount`,
      );
    }
    if (answer.status !== 200 && answer.status !== 201) {
      throw this.#unavailable(`it answered with status ${answer.status}`);
    }
    const review = reviewSchema.safeParse(answer.body);
    if (!review.success) throw this.#unavailable("its answer is no TokenReview");
    return review.data.status;
  }

  async #ask(token: string, signal: AbortSignal): Promise<HttpAnswer> {
    const { address, audience, name } = this.#settings;
    using bounded = deadlineBy(this.#clock, reviewTimes.ask, signal);
    const body = jsonRequest({
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, audiences: [audience] },
    });
    try {
      const own = await this.#settings.token?.read();
      const headers = {
        accept: "application/json",
        ...(own === undefined ? {} : { authorization: `Bearer ${own.reveal()}` }),
      };
      const server = { name: `The cluster ${name}`, origin: address };
      const call = { signal: bounded.signal, action: "review a token" };
      return await this.#http.ask(server, { method: "POST", path, headers, body }, call);
    } catch (thrown) {
      if (!(thrown instanceof KmsError)) throw thrown;
      throw this.#unavailable(thrown.message.replace(/^Cannot [^:]*: |\.$/g, ""), thrown);
    }
  }

  #remember(key: string, review: CachedReview): void {
    this.#cached.delete(key);
    this.#cached.set(key, review);
    for (const [oldest] of this.#cached) {
      if (this.#cached.size <= maxCached) break;
      this.#cached.delete(oldest);
    }
  }

  #unavailable(why: string, cause?: unknown): KeyringError {
    return new KeyringError("issuer_unavailable", `Cannot review the token by the cluster "${this.name}": ${why}.`, {
      cause,
    });
  }
}
