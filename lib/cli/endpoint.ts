/**
 * The HTTP endpoint of a plugin that serves.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { Opened } from "../disposal.ts";
import { toKmsError } from "../errors.ts";
import { outageState } from "../kms/outage.ts";
import type { Service, ServiceStatus } from "../service.ts";
import { type HttpEndpoint, type HttpOptions, serveHttp } from "../telemetry/http.ts";
import type { Verdict } from "../telemetry/readiness.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { version } from "../version.ts";

/** Milliseconds between two tries to get an address that a predecessor still holds. */
const retryMs = 250;

/** What an endpoint tells of. */
export interface EndpointOptions {
  readonly config: Config;
  readonly service: Service;
  readonly telemetry: Telemetry;
  /** Whether the address may still be a predecessor's: then it is waited for, and serving does not wait. */
  readonly takeover: boolean;
}

/**
 * Opens the endpoint, if the configuration wants one.
 *
 * @throws {KmsError} `config` if the address cannot be had and no predecessor is to give it up.
 */
export function openEndpoint(options: EndpointOptions): AsyncDisposable {
  const { listen } = options.config.telemetry;
  if (listen === undefined) return new Opened();
  const http = httpOptions(options, listen);
  if (!options.takeover) return serveHttp(http);
  const closing = new AbortController();
  const endpoint = listenWhenFree(http, options.telemetry, closing.signal);
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await (await endpoint)?.[Symbol.asyncDispose]();
    },
  };
}

async function listenWhenFree(
  http: HttpOptions,
  telemetry: Telemetry,
  signal: AbortSignal,
): Promise<HttpEndpoint | undefined> {
  for (let told = false; !signal.aborted; told = true) {
    try {
      return serveHttp(http);
    } catch (thrown) {
      const { message } = toKmsError(thrown);
      if (!told) telemetry.notify({ type: "lifecycle", action: "warning", message: `${message} It is tried again.` });
      await systemClock.sleep(retryMs, signal);
    }
  }
  return undefined;
}

function httpOptions({ config, service, telemetry }: EndpointOptions, listen: HttpOptions["listen"]): HttpOptions {
  const verdict = (status: ServiceStatus) => judge(status, config.outage.afterMs);
  return { listen, peek: () => service.peek(), verdict, telemetry, version, now: () => Math.round(systemClock.now()) };
}

/** Whatever kube-apiserver is told: an outage that lasts, and a refusal, are told here under every policy. */
function judge({ quorum }: ServiceStatus, afterMs: number): Verdict {
  const state = outageState(quorum, afterMs, systemClock.now());
  const message = quorum.state === "lost" ? quorum.message : "";
  return { ready: state === "none" || state === "outage", message };
}
