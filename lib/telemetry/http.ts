/**
 * The HTTP endpoint for kubelet, Prometheus and `trousseau status`. It reads from memory, and it can only be read.
 *
 * @module
 */
import { KmsError } from "../errors.ts";
import type { ServiceStatus } from "../service.ts";
import { metricsContentType } from "./metrics.ts";
import { type Readiness, readinessDocument, readinessText } from "./readiness.ts";
import type { Telemetry } from "./telemetry.ts";
import { causeName } from "./text.ts";

/** What is served, and where. */
export interface HttpOptions {
  /** Port 0 takes any that is free. */
  readonly listen: { readonly hostname: string; readonly port: number };
  /** The field of the config that says so; `telemetry.listen` if left out. */
  readonly field?: string;
  /** From memory, without being noted as a Status answer. */
  readonly peek: () => ServiceStatus;
  /** What is made of it, and of what is wrong with the telemetry itself. */
  readonly readiness: (status: ServiceStatus, telemetry: string) => Readiness;
  readonly telemetry: Pick<Telemetry, "metrics" | "problem" | "log">;
  /** Trousseau's version. */
  readonly version: string;
  /** Milliseconds since the epoch; the system's clock where it is left out. */
  readonly now?: () => number;
}

/** An open endpoint. Closing it ends the requests in flight. */
export interface HttpEndpoint extends AsyncDisposable {
  /** For instance `http://127.0.0.1:8090`. */
  readonly origin: string;
}

/** Milliseconds that closing waits for connections to end. */
const closeMs = 1000;

/**
 * Opens the endpoint:
 *
 * - `/livez` says that the event loop turns, and nothing else: an outage of a KMS must never restart the plugin;
 * - `/readyz` says whether whoever calls is served (200 or 503), with each provider and why; JSON with
 *   `Accept: application/json` or `?format=json`, else text;
 * - `/status` is all of it as JSON, with version and uptime;
 * - `/metrics` is Prometheus' text format.
 *
 * @throws {KmsError} `config` if it cannot listen there.
 */
export function serveHttp(options: HttpOptions): HttpEndpoint {
  const { hostname, port } = options.listen;
  const closing = new AbortController();
  const answer = answerer(options);
  const server = listening(options, () =>
    Deno.serve({
      hostname,
      port,
      signal: closing.signal,
      onListen() {},
      onError: (thrown) => failed(options, thrown),
    }, answer));
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    origin: `http://${host}:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      closing.abort();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, closeMs));
      await Promise.race([server.finished, patience]);
      clearTimeout(timer);
    },
  };
}

type Route = (request: Request, url: URL) => Response | Promise<Response>;

function answerer(options: HttpOptions): (request: Request) => Response | Promise<Response> {
  const routes = routesOf(options);
  const isLocal = isLoopback(options.listen.hostname);
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text(405, "Only GET and HEAD are answered here.\n", { allow: "GET, HEAD" });
    }
    const url = URL.parse(request.url);
    if (url === null) return text(400, "The request's address cannot be read.\n");
    // A page in a browser on this machine can give its own name our address, but not send another Host than its name.
    if (isLocal && !isAddress(url.hostname)) return text(421, "Ask by address or as localhost.\n");
    const route = routes.get(url.pathname);
    if (route === undefined) return text(404, "There is nothing here.\n");
    const response = await route(request, url);
    return request.method === "HEAD" ? new Response(null, response) : response;
  };
}

function routesOf({ peek, readiness, telemetry, version, now = Date.now }: HttpOptions): ReadonlyMap<string, Route> {
  const startedAt = now();
  const look = () => readiness(peek(), telemetry.problem());
  return new Map<string, Route>([
    ["/livez", () => text(200, "ok\n")],
    ["/readyz", (request, url) => {
      const found = look();
      const code = found.ready ? 200 : 503;
      return wantsJson(request, url) ? json(code, readinessDocument(found)) : text(code, readinessText(found));
    }],
    ["/status", () => {
      const uptimeSeconds = (now() - startedAt) / 1000;
      return json(200, { version, startedAt, uptimeSeconds, ...readinessDocument(look()) });
    }],
    ["/metrics", async () => text(200, await telemetry.metrics.render(peek()), { "content-type": metricsContentType })],
  ]);
}

function failed({ telemetry }: HttpOptions, thrown: unknown): Response {
  telemetry.log.log("error", "Cannot answer a request over HTTP.", { cause: causeName(thrown) });
  return text(500, "Trousseau failed to answer; its log has the kind of failure.\n");
}

function wantsJson(request: Request, url: URL): boolean {
  const format = url.searchParams.get("format");
  return format === null ? /\bapplication\/json\b/.test(request.headers.get("accept") ?? "") : format === "json";
}

function json(status: number, document: unknown): Response {
  return text(status, `${JSON.stringify(document)}\n`, { "content-type": "application/json" });
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

function isAddress(hostname: string): boolean {
  return hostname === "localhost" || hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

function listening<Server>({ listen, field = "telemetry.listen" }: HttpOptions, open: () => Server): Server {
  const { hostname, port } = listen;
  try {
    return open();
  } catch (cause) {
    throw new KmsError("config", `Cannot listen on ${hostname}:${port} (${field}): ${whyNot(cause)}.`, {
      cause,
    });
  }
}

function whyNot(thrown: unknown): string {
  if (thrown instanceof Deno.errors.AddrInUse) return "another program listens there";
  if (thrown instanceof Deno.errors.AddrNotAvailable) return "this machine does not have that address";
  if (thrown instanceof Deno.errors.PermissionDenied || thrown instanceof Deno.errors.NotCapable) {
    return "permission denied";
  }
  return `the system answered ${causeName(thrown)}`;
}
