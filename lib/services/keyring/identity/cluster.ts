/**
 * Verifies tokens of ServiceAccounts by a TokenReview of their cluster.
 *
 * @module
 */
import * as z from "zod/mini";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { KmsError } from "../../../base/errors.ts";
import type { HttpAnswer } from "../../../net/https/http_answer.ts";
import { HttpClient } from "../../../net/https/client.ts";
import { jsonRequest } from "../../../net/https/endpoint.ts";
import type { Notify } from "../../../telemetry/events.ts";
import type { ClaimValue } from "../policy/takers.ts";
import { unverifiedClaims } from "./jwt_form.ts";
import { type JwtVerifier, refusedJwt, type VerifiedSubject } from "./login.ts";
import { ReviewCache, type ReviewOutcome } from "./review_cache.ts";
import type { ClusterSettings } from "./settings.ts";

/** Times in milliseconds. */
export const reviewTimes = {
  /** Timeout of a review. */
  ask: 10_000,
  /** A token is not reviewed again for so long, whether it was accepted or refused. */
  cached: 10_000,
} as const;

/** Milliseconds by which the clocks of cluster and server may differ. */
const skewMs = 60_000;

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

/** One cluster. */
export class KubernetesCluster implements JwtVerifier, Disposable {
  readonly name: string;
  readonly #settings: ClusterSettings;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #cached: ReviewCache;

  private constructor(settings: ClusterSettings, http: HttpClient, clock: Clock) {
    this.name = settings.name;
    this.#settings = settings;
    this.#http = http;
    this.#clock = clock;
    this.#cached = new ReviewCache(clock);
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
    this.#requireForm(jwt);
    const outcome = this.#cached.get(jwt) ?? await this.#reviewed(jwt, signal);
    if ("refusal" in outcome) throw outcome.refusal;
    return outcome.subject;
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
    this.#cached.clear();
  }

  /** A token that no cluster accepts costs no review. One without an expiry is the cluster's to judge. */
  #requireForm(jwt: string): void {
    const claims = unverifiedClaims(jwt);
    if (claims === undefined) throw refusedJwt("it has not the form of a JWT");
    const { exp } = claims;
    if (exp !== undefined && (typeof exp !== "number" || exp * 1_000 + skewMs <= this.#clock.wall())) {
      throw refusedJwt("it has expired");
    }
  }

  /** An outage is no outcome. */
  async #reviewed(jwt: string, signal: AbortSignal): Promise<ReviewOutcome> {
    const until = this.#clock.now() + reviewTimes.cached;
    const outcome = this.#outcomeOf(await this.#review(jwt, signal));
    this.#cached.put(jwt, outcome, until);
    return outcome;
  }

  #outcomeOf(review: Review): ReviewOutcome {
    try {
      return { subject: this.#accepted(review) };
    } catch (thrown) {
      if (thrown instanceof KeyringError) return { refusal: thrown };
      throw thrown;
    }
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

  #unavailable(why: string, cause?: unknown): KeyringError {
    return new KeyringError("issuer_unavailable", `Cannot review the token by the cluster "${this.name}": ${why}.`, {
      cause,
    });
  }
}
