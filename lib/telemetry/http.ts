/**
 * The HTTP endpoint for kubelet, Prometheus and `trousseau status`. It is read-only and answers from memory.
 *
 * @module
 */
import { utf8 } from "../base/bytes.ts";
import { rfc3339, systemClock, type Times, WallTimes } from "../base/clock.ts";
import { KmsError } from "../base/errors.ts";
import type { HttpContext, HttpPatience, PageResponse } from "./http_connection.ts";
import { type HttpLimits, HttpListener, type OnTrouble } from "./http_listener.ts";
import type { RequestHead } from "./http_request.ts";
import { metricsContentType } from "./metrics.ts";
import { originOf } from "./origin.ts";
import type { ServicePages } from "./pages.ts";
import type { Telemetry } from "./telemetry.ts";
import { systemFailure } from "../base/system_failures.ts";
import { causeName } from "./text.ts";
import { RequestTurns, type TurnLimits } from "./turns.ts";

/** Options of the endpoint. */
export interface HttpOptions {
  /** Port 0 selects a free port. */
  readonly listen: { readonly hostname: string; readonly port: number };
  /** The configuration field of the address, for error messages; `telemetry.listen` if left out. */
  readonly field?: string;
  /** The pages of the service. */
  readonly pages: ServicePages;
  /** The reason to restart the process, in one sentence; `""` if there is none. No reason if left out. */
  readonly complaint?: () => string;
  readonly telemetry: Pick<Telemetry, "metrics" | "problem" | "log">;
  /** Trousseau's version. */
  readonly version: string;
  /** The path of the Unix socket that the process serves. `/status` returns it, so that a client can identify the server. */
  readonly socket?: string;
  /** The system clock if left out. */
  readonly clock?: Times;
  /** The start of the process, on the clock's `now`; the opening of the endpoint if left out. */
  readonly startedAt?: number;
  /** Called for each failed accept and each dropped connection. */
  readonly onTrouble?: OnTrouble;
  /** Replaces some of the bounds, for tests. */
  readonly bounds?: Partial<HttpBounds>;
}

/** The bounds for clients. */
interface HttpBounds {
  readonly limits: HttpLimits;
  readonly patience: HttpPatience;
  readonly turns: TurnLimits;
  /** Milliseconds for which rendered metrics are reused. */
  readonly metricsMs: number;
}

const bounds: HttpBounds = {
  limits: { max: 64, reserve: 16, min: 4, reliefMs: 60_000, acceptMs: 1 },
  patience: { headMs: 10_000, idleMs: 30_000, writeMs: 10_000 },
  // About 800 answers a second. Kubelet and Prometheus send a few requests a minute.
  turns: { most: 4, everyMs: 5 },
  metricsMs: 1000,
};

/** An open endpoint. Closing it ends the requests in flight. */
export interface HttpEndpoint extends AsyncDisposable {
  /** For instance `http://127.0.0.1:8090`. */
  readonly origin: string;
  /** The port, which the system has chosen if the option was 0. */
  readonly port: number;
}

/** Milliseconds that closing waits for connections to end. */
const closeMs = 1000;

/**
 * Opens the endpoint:
 *
 * - `/livez`: whether the event loop runs and the socket answers (200 or 503). It does not depend on a KMS: an outage must
 *   never restart the plugin.
 * - `/readyz`: whether calls are answered (200 or 503), with the state of each provider and the reasons. JSON with
 *   `Accept: application/json` or `?format=json`, otherwise text.
 * - `/status`: the same as JSON, with version and uptime; always 200.
 * - `/metrics`: the metrics in Prometheus' text format.
 *
 * @throws {KmsError} `config` if it cannot listen on the address.
 */
export function serveHttp(options: HttpOptions): HttpEndpoint {
  const { hostname } = options.listen;
  const { limits, patience, turns } = { ...bounds, ...options.bounds };
  const listener = listening(options);
  const context: HttpContext = {
    answer: answerer(options),
    failed: (thrown) => failed(options, thrown),
    turns: new RequestTurns(turns, systemClock),
    patience,
    clock: systemClock,
  };
  const server = new HttpListener(listener, context, limits, options.onTrouble ?? (() => {}));
  const { port } = listener.addr;
  return {
    origin: originOf({ hostname, port }),
    port,
    [Symbol.asyncDispose]: () => server.close(closeMs),
  };
}

type Route = (request: RequestHead, url: URL) => PageResponse | Promise<PageResponse>;

function answerer(options: HttpOptions): HttpContext["answer"] {
  const { hostname } = options.listen;
  const routes = routesOf(options);
  const isLocal = isLoopback(hostname);
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text(405, "Only GET and HEAD are answered here.\n", { allow: "GET, HEAD" });
    }
    const { target, host } = request;
    // An HTTP/1.0 client can omit Host. A browser always sends it.
    const url = URL.parse(
      target.startsWith("/") ? `${host === undefined ? originOf(options.listen) : `http://${host}`}${target}` : target,
    );
    if (url === null) return text(400, "The request's address cannot be read.\n");
    // Against DNS rebinding: a web page can make its own name resolve to this address, but the browser then sends that
    // name as Host.
    if (isLocal && !isAddress(url.hostname)) return text(421, "Ask by address or as localhost.\n");
    const route = routes.get(url.pathname);
    return route === undefined ? text(404, "There is nothing here.\n") : route(request, url);
  };
}

function routesOf(options: HttpOptions): ReadonlyMap<string, Route> {
  const { pages, complaint = () => "", telemetry, version, socket, clock = systemClock } = options;
  const [times, opened] = [new WallTimes(clock), options.startedAt ?? clock.now()];
  const look = () => pages.page(telemetry.problem());
  const metrics = atMostEvery(options.bounds?.metricsMs ?? bounds.metricsMs, async () => {
    return utf8(await telemetry.metrics.render(pages.gauges()));
  });
  return new Map<string, Route>([
    ["/livez", () => complaint() === "" ? text(200, "ok\n") : text(503, `${complaint()}\n`)],
    ["/readyz", (request, url) => {
      const found = look();
      const code = found.ready ? 200 : 503;
      return wantsJson(request, url) ? json(code, found.document()) : text(code, found.text());
    }],
    ["/status", () => {
      const startedAt = rfc3339(times.of(opened)) ?? null;
      const uptimeSeconds = (clock.now() - opened) / 1000;
      return json(200, { version, socket, startedAt, uptimeSeconds, ...look().document() });
    }],
    ["/metrics", async () => text(200, await metrics(), { "content-type": metricsContentType })],
  ]);
}

/** Reuses one result of `make` for all calls within `ms`, and for concurrent calls. */
function atMostEvery<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
  let made: { readonly value: Promise<T>; readonly until: number } | undefined;
  return () => {
    const now = systemClock.now();
    if (made !== undefined && now < made.until) return made.value;
    const value = make();
    const kept = made = { value, until: now + ms };
    // A failure is not reused: the next call tries again.
    value.catch(() => made = made === kept ? undefined : made);
    return value;
  };
}

function failed({ telemetry }: HttpOptions, thrown: unknown): PageResponse {
  telemetry.log.log("error", "Cannot answer a request over HTTP.", { cause: causeName(thrown) });
  return text(500, "Trousseau failed to answer; its log has the kind of failure.\n");
}

function wantsJson(request: RequestHead, url: URL): boolean {
  const format = url.searchParams.get("format");
  return format === null ? /\bapplication\/json\b/.test(request.accept) : format === "json";
}

function json(status: PageResponse["status"], document: unknown): PageResponse {
  return text(status, `${JSON.stringify(document)}\n`, { "content-type": "application/json" });
}

function text(
  status: PageResponse["status"],
  body: PageResponse["body"],
  headers: Readonly<Record<string, string>> = {},
): PageResponse {
  return {
    status,
    body,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

function isAddress(hostname: string): boolean {
  return hostname === "localhost" || hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

/** The error of listening on the address now; `undefined` if it is possible. */
export function whyNotListen(at: Pick<HttpOptions, "listen" | "field">): KmsError | undefined {
  try {
    listening(at).close();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof KmsError) return thrown;
    throw thrown;
  }
}

function listening({ listen, field = "telemetry.listen" }: Pick<HttpOptions, "listen" | "field">): Deno.TcpListener {
  const { hostname, port } = listen;
  try {
    return Deno.listen({ hostname, port });
  } catch (cause) {
    throw new KmsError("config", `Cannot listen on ${hostname}:${port} (${field}): ${whyNot(cause)}.`, {
      cause,
    });
  }
}

function whyNot(thrown: unknown): string {
  if (thrown instanceof Deno.errors.AddrInUse) return "another program listens there";
  if (thrown instanceof Deno.errors.AddrNotAvailable) return "this machine does not have that address";
  if (thrown instanceof Deno.errors.PermissionDenied) {
    return "permission denied; take a port above 1023, or give the service CAP_NET_BIND_SERVICE";
  }
  return systemFailure(thrown);
}
