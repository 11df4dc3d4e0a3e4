/**
 * The HTTP application: routes to operations, health pages and the OpenAPI document.
 *
 * @module
 */
import { Hono } from "hono";
import { unroutedAction } from "../../../api/keyring/actions.ts";
import { KeyringError, type ProblemCode } from "../../../api/keyring/problems.ts";
import { apiPrefix, routes } from "../../../api/keyring/routes.ts";
import {
  type AnswerRequest,
  type ApiAnswer,
  type IncomingRequest,
  jsonAnswer,
  jsonTextAnswer,
  responseOf,
} from "./exchange.ts";
import { HealthPages, type HealthSources } from "./health_pages.ts";
import { nativeOperations } from "./native_operations.ts";
import { openApiText } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { Pipeline, type PipelineOptions } from "./pipeline.ts";
import { requestIdOf, withCommonHeaders } from "./request_id.ts";
import { problemAnswer, toKeyringError } from "./problem_answer.ts";
import { type RequestTarget, requestTarget } from "./target.ts";
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

/** The methods that a route may have. HEAD is refused: it would read a value that is not sent. */
const methods: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/**
 * The application as a function. Hono matches the path as it was sent, without decoding, and is never asked for the
 * parameters of a path.
 */
export function keyringApp(options: KeyringAppOptions): AnswerRequest {
  const unrouted = unroutedAnswers(options);
  const app = routedApp(options, unrouted);
  return async (incoming) => {
    try {
      if (!methods.has(incoming.method)) throw notAllowed();
      const target = requestTarget(incoming.target);
      const request = new Request(`http://keyring.invalid${target.path}`, { method: incoming.method });
      return await app.fetch(request, { incoming, target });
    } catch (thrown) {
      return unrouted.refuse(incoming, toKeyringError(thrown));
    }
  };
}

function routedApp(options: KeyringAppOptions, unrouted: UnroutedAnswers): KeyringHono {
  const app: KeyringHono = new Hono({ getPath: (_request, context) => context?.env?.target.path ?? "/" });
  const pipeline = new Pipeline(options);
  const pages = new HealthPages(options);
  const get = (path: string, answer: (request: IncomingRequest) => ApiAnswer | Promise<ApiAnswer>) =>
    app.get(path, async ({ env: { incoming } }) => responseOf(await answer(incoming)));
  get("/livez", () => pages.livez());
  get("/readyz", () => pages.readyz());
  get(`${apiPrefix}${routes.health.path}`, (request) => pages.health(request));
  get("/v1/sys/health", () => pages.vaultHealth());
  let document: string | undefined;
  get("/openapi.json", () => jsonTextAnswer(200, document ??= openApiText(options.version)));
  for (const [id, operation] of nativeOperations()) {
    const { method, path } = routes[id];
    add(app, pipeline, { method, path: `${apiPrefix}${path}` }, operation);
  }
  for (const route of vaultRoutes(options.kvMount)) addVault(app, pipeline, route);
  app.all("/v1/*", ({ env: { incoming } }) => unrouted.vault(incoming));
  app.all("*", ({ env: { incoming } }) => unrouted.refuse(incoming, noRoute()));
  return app;
}

/** Adds an operation. @param row its path may end with a placeholder in braces, which stands for the rest of the path. */
function add(
  app: KeyringHono,
  pipeline: Pipeline,
  row: { readonly method: string; readonly path: string },
  operation: Operation,
): void {
  const prefix = row.path.replace(/\{\w+\}$/, "");
  const pattern = prefix === row.path ? prefix : `${prefix}*`;
  app.on(row.method, pattern, async ({ env: { incoming, target } }) => {
    const encodedPath = target.path.slice(prefix.length);
    return responseOf(await pipeline.run({ request: incoming, target, encodedPath }, operation));
  });
}

/** Adds a route of Vault's API. One with a query comes before one without. */
function addVault(app: KeyringHono, pipeline: Pipeline, { methods, path, whenQuery, operation }: VaultRoute): void {
  const pattern = `/v1/${path}`;
  const prefix = pattern.replace(/\*$/, "");
  app.on([...methods], pattern, async ({ env: { incoming, target } }, next) => {
    if (whenQuery !== undefined && !target.query.startsWith(whenQuery)) return await next();
    const encodedPath = target.path.slice(prefix.length);
    return responseOf(await pipeline.run({ request: incoming, target, encodedPath }, operation));
  });
}

/** Answers to requests that reach no operation. They are counted as the others are. */
interface UnroutedAnswers {
  refuse(incoming: IncomingRequest, error: KeyringError): Response;
  vault(incoming: IncomingRequest): Response;
}

function unroutedAnswers({ onAnswered }: Pick<KeyringAppOptions, "onAnswered">): UnroutedAnswers {
  const answered = (incoming: IncomingRequest, answer: (requestId: string) => ApiAnswer, result: ProblemCode) => {
    const requestId = requestIdOf(incoming);
    const given = answer(requestId);
    onAnswered({ requestId, action: unroutedAction, status: given.status, result, seconds: 0 });
    return responseOf(withCommonHeaders(given, requestId));
  };
  const message = "unsupported operation: this server answers a subset of the KV version 2 API";
  return {
    refuse: (incoming, error) => answered(incoming, (requestId) => problemAnswer(error, requestId), error.code),
    vault: (incoming) => answered(incoming, () => jsonAnswer(405, { errors: [message] }), "method_not_allowed"),
  };
}

function noRoute(): KeyringError {
  return new KeyringError("not_found", "There is no such route for this method; /openapi.json has all of them.");
}

function notAllowed(): KeyringError {
  return new KeyringError("method_not_allowed", "The method is refused: use GET, POST, PUT, PATCH or DELETE.");
}
