/**
 * The HTTP application: routes to operations, health pages and the OpenAPI document.
 *
 * @module
 */
import { RegExpRouter } from "hono/router/reg-exp-router";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { apiPrefix, routes } from "../../../api/keyring/routes.ts";
import { type AnswerRequest, type ApiAnswer, type IncomingRequest, jsonAnswer, jsonTextAnswer } from "./exchange.ts";
import { HealthPages, type HealthSources } from "./health_pages.ts";
import { nativeOperations } from "./native_operations.ts";
import { openApiText } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { Pipeline, type PipelineOptions } from "./pipeline.ts";
import { requestIdOf, withCommonHeaders } from "./request_id.ts";
import { problemAnswer, toKeyringError } from "./problem_answer.ts";
import { type RequestTarget, requestTarget } from "./target.ts";
import { type RefusedVaultRoute, refusedVaultRoutes } from "./vault/refusals.ts";
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

/** The methods that a route may have. HEAD is refused: it would read a value that is not sent. */
const methods: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/**
 * The application as a function. The router of Hono matches the path as it was sent, without decoding, and its parameters
 * are not used. Hono itself would make a `Request` and a `Response` of the web for each request.
 */
export function keyringApp(options: KeyringAppOptions): AnswerRequest {
  const router = routesOf(options);
  return async (incoming) => {
    try {
      if (!methods.has(incoming.method)) throw notAllowed();
      const target = requestTarget(incoming.target);
      for (const [route] of router.match(incoming.method, target.path)[0]) {
        const answer = route(incoming, target);
        if (answer !== undefined) return await answer;
      }
      throw noRoute();
    } catch (thrown) {
      return refusal(incoming, toKeyringError(thrown));
    }
  };
}

function routesOf(options: KeyringAppOptions): RegExpRouter<Route> {
  const router = new RegExpRouter<Route>();
  const pipeline = new Pipeline(options);
  const pages = new HealthPages(options);
  router.add("GET", "/livez", () => pages.livez());
  router.add("GET", "/readyz", () => pages.readyz());
  router.add("GET", `${apiPrefix}${routes.health.path}`, (request) => pages.health(request));
  router.add("GET", "/v1/sys/health", () => pages.vaultHealth());
  router.add("GET", "/v1/sys/seal-status", () => pages.vaultSealStatus());
  router.add("GET", "/v1/sys/leader", () => pages.vaultLeader());
  let document: string | undefined;
  router.add("GET", "/openapi.json", () => jsonTextAnswer(200, document ??= openApiText(options.version)));
  for (const [id, operation] of nativeOperations()) {
    const { method, path } = routes[id];
    add(router, pipeline, { method, path: `${apiPrefix}${path}` }, operation);
  }
  for (const route of vaultRoutes(options.kvMount)) addVault(router, pipeline, route);
  for (const route of refusedVaultRoutes(options.kvMount)) refuseVault(router, route);
  return router;
}

/** Adds an operation. @param row its path may end with a placeholder in braces, which stands for the rest of the path. */
function add(
  router: RegExpRouter<Route>,
  pipeline: Pipeline,
  row: { readonly method: string; readonly path: string },
  operation: Operation,
): void {
  const prefix = row.path.replace(/\{\w+\}$/, "");
  const pattern = prefix === row.path ? prefix : `${prefix}*`;
  router.add(row.method, pattern, (request, target) => {
    return pipeline.run({ request, target, encodedPath: target.path.slice(prefix.length) }, operation);
  });
}

/** Adds a route of Vault's API. One with a query comes before one without. */
function addVault(
  router: RegExpRouter<Route>,
  pipeline: Pipeline,
  { methods, path, whenQuery, operation }: VaultRoute,
): void {
  const pattern = `/v1/${path}`;
  const prefix = pattern.replace(/\*$/, "");
  for (const method of methods) {
    router.add(method, pattern, (request, target) => {
      if (whenQuery !== undefined && !target.query.startsWith(whenQuery)) return undefined;
      return pipeline.run({ request, target, encodedPath: target.path.slice(prefix.length) }, operation);
    });
  }
}

function refuseVault(router: RegExpRouter<Route>, { path, why }: RefusedVaultRoute): void {
  router.add("ALL", `/v1/${path}`, (incoming) => {
    return withCommonHeaders(jsonAnswer(405, { errors: [why] }), requestIdOf(incoming));
  });
}

/** The answer to a request that reaches no operation. */
function refusal(incoming: IncomingRequest, error: KeyringError): ApiAnswer {
  const requestId = requestIdOf(incoming);
  return withCommonHeaders(problemAnswer(error, requestId), requestId);
}

function noRoute(): KeyringError {
  return new KeyringError("not_found", "There is no such route for this method; /openapi.json has all of them.");
}

function notAllowed(): KeyringError {
  return new KeyringError("method_not_allowed", "The method is refused: use GET, POST, PUT, PATCH or DELETE.");
}
