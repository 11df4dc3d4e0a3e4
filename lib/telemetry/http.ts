/**
 * The HTTP endpoint for kubelet, Prometheus and `trousseau status`. It reads from memory, and it can only be read.
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
import type { ServicePages } from "./pages.ts";
import type { Telemetry } from "./telemetry.ts";
import { systemFailure } from "../base/system_failures.ts";
import { causeName } from "./text.ts";
import { RequestTurns, type TurnLimits } from "./turns.ts";

/** What is served, and where. */
export interface HttpOptions {
  /** Port 0 takes any that is free. */
  readonly listen: { readonly hostname: string; readonly port: number };
  /** The field of the config that says so; `telemetry.listen` if left out. */
  readonly field?: string;
  /** What the service shows. */
  readonly pages: ServicePages;
  /** Why the process has to be started again, in one sentence; `""` while it does not. Well if left out. */
  readonly complaint?: () => string;
  readonly telemetry: Pick<Telemetry, "metrics" | "problem" | "log">;
  /** Trousseau's version. */
  readonly version: string;
  /** The path of the Unix socket that is served beside it: `/status` tells it, so that a reader knows whose this is. */
  readonly socket?: string;
  /** The system's where it is left out. */
  readonly clock?: Times;
  /** When the process started, on the clock's `now`; the opening of the endpoint if left out. */
  readonly startedAt?: number;
  /** Told of accepts that failed and of connections that were dropped. */
  readonly onTrouble?: OnTrouble;
  /** Other bounds, for tests. */
  readonly bounds?: Partial<HttpBounds>;
}

/** What a client may take. */
interface HttpBounds {
  readonly limits: HttpLimits;
  readonly patience: HttpPatience;
  readonly turns: TurnLimits;
  /** Milliseconds for which rendered metrics are handed out again. */
  readonly metricsMs: number;
}

const bounds: HttpBounds = {
  limits: { most: 64, reserve: 16, least: 4, reliefMs: 60_000, acceptMs: 1 },
  patience: { headMs: 10_000, idleMs: 30_000, writeMs: 10_000 },
  // Some 800 answers a second: kubelet and Prometheus ask a few times a minute.
  turns: { most: 4, everyMs: 5 },
  metricsMs: 1000,
};

/** An open endpoint. Closing it ends the requests in flight. */
export interface HttpEndpoint extends AsyncDisposable {
  /** For instance `http://127.0.0.1:8090`. */
  readonly origin: string;
  /** The port, also where the system chose it. */
  readonly port: number;
}

/** Milliseconds that closing waits for connections to end. */
const closeMs = 1000;

/**
 * Opens the endpoint:
 *
 * - `/livez` says that the event loop turns and that the socket is answered (200 or 503), and nothing else: an outage of
 *   a KMS must never restart the plugin;
 * - `/readyz` says whether whoever calls is served (200 or 503), with each provider and why; JSON with
 *   `Accept: application/json` or `?format=json`, else text;
 * - `/status` is all of it as JSON, with version and uptime;
 * - `/metrics` is Prometheus' text format.
 *
 * @throws {KmsError} `config` if it cannot listen there.
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

/** Where to ask what listens there, for instance `http://127.0.0.1:8090`. A wildcard is no place to ask. */
export function originOf({ hostname, port }: HttpOptions["listen"]): string {
  const host = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
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
    // A client of HTTP/1.0 may name no host; a browser always does.
    const url = URL.parse(
      target.startsWith("/") ? `${host === undefined ? originOf(options.listen) : `http://${host}`}${target}` : target,
    );
    if (url === null) return text(400, "The request's address cannot be read.\n");
    // A page in a browser on this machine can give its own name our address, but not send another Host than its name.
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

/** Makes something once for all who ask within `ms`, and once for all who ask at the same time. */
function atMostEvery<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
  let made: { readonly value: Promise<T>; readonly until: number } | undefined;
  return () => {
    const now = systemClock.now();
    if (made !== undefined && now < made.until) return made.value;
    const value = make();
    const kept = made = { value, until: now + ms };
    // A failure is not kept: the next one to ask may have better luck.
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

/** Why the address cannot be listened on now; `undefined` if it can. */
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
