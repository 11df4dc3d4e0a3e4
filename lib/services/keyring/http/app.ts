/**
 * The HTTP application: routes to operations, health pages and the OpenAPI document.
 *
 * @module
 */
import { Hono } from "hono";
import { apiPrefix, routes } from "../../../api/keyring/routes.ts";
import { type AnswerRequest, type ApiAnswer, type IncomingRequest, jsonTextAnswer, responseOf } from "./exchange.ts";
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

interface Bindings {
  readonly incoming: IncomingRequest;
  readonly target: RequestTarget;
}

type KeyringHono = Hono<{ Bindings: Bindings }>;

/** The methods that a route may have. HEAD of a secret would read a value that is not sent. */
const methods: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/** The pages that are answered to HEAD, for load balancers. */
const headPaths: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/**
 * The application as a function. Hono matches the path as it was sent, without decoding, and is never asked for the
 * parameters of a path.
 */
export function keyringApp(options: KeyringAppOptions): AnswerRequest {
  const unrouted = new UnroutedAnswers(options.onAnswered);
  const app = routedApp(options, unrouted);
  const ask = async (method: string, env: Bindings) =>
    await app.fetch(new Request(`http://keyring.invalid${env.target.path}`, { method }), env);
  return async (incoming) => {
    try {
      const target = requestTarget(incoming.target);
      if (methods.has(incoming.method)) return await ask(incoming.method, { incoming, target });
      if (incoming.method !== "HEAD" || !headPaths.has(target.path)) return unrouted.answer({ incoming, target });
      const { status, headers } = await ask("GET", { incoming, target });
      return new Response(null, { status, headers });
    } catch (thrown) {
      return unrouted.refuse(incoming, toKeyringError(thrown));
    }
  };
}

function routedApp(options: KeyringAppOptions, unrouted: UnroutedAnswers): KeyringHono {
  const app: KeyringHono = new Hono({ getPath: (_request, context) => context?.env?.target.path ?? "/" });
  const pipeline = new Pipeline(options);
  const pages = new HealthPages(options);
  const { allowed } = unrouted;
  const get = (path: string, answer: (request: IncomingRequest) => ApiAnswer | Promise<ApiAnswer>) => {
    allowed.add(path, headPaths.has(path) ? ["GET", "HEAD"] : ["GET"]);
    app.get(path, async ({ env: { incoming } }) => responseOf(await answer(incoming)));
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
    allowed.add(add(app, pipeline, { method, path: `${apiPrefix}${path}` }, operation), [method]);
  }
  for (const route of vaultRoutes(options.kvMount)) allowed.add(addVault(app, pipeline, route), route.methods);
  for (const { path, why } of refusedVaultRoutes(options.kvMount)) {
    app.all(`/v1/${path}`, ({ env }) => unrouted.vault(env, why));
  }
  app.all("*", ({ env }) => unrouted.answer(env));
  return app;
}

/**
 * Adds an operation.
 *
 * @param row its path may end with a placeholder in braces, which stands for the rest of the path.
 * @returns its pattern.
 */
function add(
  app: KeyringHono,
  pipeline: Pipeline,
  row: { readonly method: string; readonly path: string },
  operation: Operation,
): string {
  const prefix = row.path.replace(/\{\w+\}$/, "");
  const pattern = prefix === row.path ? prefix : `${prefix}*`;
  app.on(row.method, pattern, async ({ env: { incoming, target } }) => {
    const encodedPath = target.path.slice(prefix.length);
    return responseOf(await pipeline.run({ request: incoming, target, encodedPath }, operation));
  });
  return pattern;
}

/** Adds a route of Vault's API. One with a query comes before one without. @returns its pattern. */
function addVault(app: KeyringHono, pipeline: Pipeline, { methods, path, whenQuery, operation }: VaultRoute): string {
  const pattern = `/v1/${path}`;
  const prefix = pattern.replace(/\*$/, "");
  app.on([...methods], pattern, async ({ env: { incoming, target } }, next) => {
    if (whenQuery !== undefined && !target.query.startsWith(whenQuery)) return await next();
    const encodedPath = target.path.slice(prefix.length);
    return responseOf(await pipeline.run({ request: incoming, target, encodedPath }, operation));
  });
  return pattern;
}
