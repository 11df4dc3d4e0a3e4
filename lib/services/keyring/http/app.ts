/**
 * The HTTP application: routes to operations, health pages and the OpenAPI document.
 *
 * @module
 */
import { RegExpRouter } from "hono/router/reg-exp-router";
import { apiPrefix, routes } from "../../../api/keyring/routes.ts";
import { type AnswerRequest, type ApiAnswer, type IncomingRequest, jsonTextAnswer } from "./exchange.ts";
import { HealthPages, type HealthSources } from "./health_pages.ts";
import { nativeOperations } from "./native_operations.ts";
import { openApiText } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { Pipeline, type PipelineOptions } from "./pipeline.ts";
import { toKeyringError } from "./problem_answer.ts";
import { type RequestTarget, requestTarget } from "./target.ts";
import { UnroutedAnswers } from "./unrouted_answers.ts";
import { refusedVaultRoutes } from "./vault/refusals.ts";
import { type VaultRoute, vaultRoutes } from "./vault/vault_operations.ts";

/** Options of the application. */
export interface KeyringAppOptions extends PipelineOptions, HealthSources {
  /** Name of the mount under which Vault's clients find the secrets, for instance `secret`. */
  readonly kvMount: string;
}

/** Answers a request, or leaves it to the next route. */
type Route = (
  incoming: IncomingRequest,
  target: RequestTarget,
) => Promise<ApiAnswer> | ApiAnswer | undefined;

/** The methods that a route may have. HEAD of a secret would read a value that is not sent. */
const methods: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/** The pages that are answered to HEAD, for load balancers. */
const headPaths: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/**
 * The application as a function. The router of Hono matches the path as it was sent, without decoding, and its parameters
 * are not used. Hono itself would make a `Request` and a `Response` of the web for each request.
 */
export function keyringApp(options: KeyringAppOptions): AnswerRequest {
  const unrouted = new UnroutedAnswers(options.onAnswered);
  const router = routesOf(options, unrouted);
  const ask = async (method: string, incoming: IncomingRequest, target: RequestTarget): Promise<ApiAnswer> => {
    for (const [route] of router.match(method, target.path)[0]) {
      const answer = route(incoming, target);
      if (answer !== undefined) return await answer;
    }
    return unrouted.answer({ incoming, target });
  };
  return async (incoming) => {
    try {
      const target = requestTarget(incoming.target);
      if (methods.has(incoming.method)) return await ask(incoming.method, incoming, target);
      if (incoming.method !== "HEAD" || !headPaths.has(target.path)) return unrouted.answer({ incoming, target });
      // The HTTP server sends the length of the body and not the body.
      return await ask("GET", incoming, target);
    } catch (thrown) {
      return unrouted.refuse(incoming, toKeyringError(thrown));
    }
  };
}

function routesOf(options: KeyringAppOptions, unrouted: UnroutedAnswers): RegExpRouter<Route> {
  const router = new RegExpRouter<Route>();
  const pipeline = new Pipeline(options);
  const pages = new HealthPages(options);
  const { allowed } = unrouted;
  const get = (path: string, answer: Route) => {
    allowed.add(path, headPaths.has(path) ? ["GET", "HEAD"] : ["GET"]);
    router.add("GET", path, answer);
  };
  get("/livez", () => pages.livez());
  get("/readyz", () => pages.readyz());
  get(`${apiPrefix}${routes.health.path}`, (request) => pages.health(request));
  get("/v1/sys/health", () => pages.vaultHealth());
  get("/v1/sys/seal-status", () => pages.vaultSealStatus());
  get("/v1/sys/leader", () => pages.vaultLeader());
  let document: string | undefined;
  get("/openapi.json", () => jsonTextAnswer(200, document ??= openApiText(options.version)));
  for (const [id, operation] of nativeOperations()) {
    const { method, path } = routes[id];
    allowed.add(add(router, pipeline, { method, path: `${apiPrefix}${path}` }, operation), [method]);
  }
  for (const route of vaultRoutes(options.kvMount)) allowed.add(addVault(router, pipeline, route), route.methods);
  for (const { path, why } of refusedVaultRoutes(options.kvMount)) {
    router.add("ALL", `/v1/${path}`, (incoming, target) => unrouted.vault({ incoming, target }, why));
  }
  return router;
}

/**
 * Adds an operation.
 *
 * @param row its path may end with a placeholder in braces, which stands for the rest of the path.
 * @returns its pattern.
 */
function add(
  router: RegExpRouter<Route>,
  pipeline: Pipeline,
  row: { readonly method: string; readonly path: string },
  operation: Operation,
): string {
  const prefix = row.path.replace(/\{\w+\}$/, "");
  const pattern = prefix === row.path ? prefix : `${prefix}*`;
  router.add(row.method, pattern, (request, target) => {
    return pipeline.run({ request, target, encodedPath: target.path.slice(prefix.length) }, operation);
  });
  return pattern;
}

/** Adds a route of Vault's API. One with a query comes before one without. @returns its pattern. */
function addVault(
  router: RegExpRouter<Route>,
  pipeline: Pipeline,
  { methods, path, whenQuery, operation }: VaultRoute,
): string {
  const pattern = `/v1/${path}`;
  const prefix = pattern.replace(/\*$/, "");
  for (const method of methods) {
    router.add(method, pattern, (request, target) => {
      if (whenQuery !== undefined && !target.query.startsWith(whenQuery)) return undefined;
      return pipeline.run({ request, target, encodedPath: target.path.slice(prefix.length) }, operation);
    });
  }
  return pattern;
}
