/**
 * The HTTP endpoint of a plugin that serves.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { ListenConfig } from "../config/config.ts";
import { Opened } from "../disposal.ts";
import { toKmsError } from "../errors.ts";
import { outageState } from "../kms/outage.ts";
import { unreadable } from "../kms/readable.ts";
import type { ServiceStatus } from "../service.ts";
import { type HttpEndpoint, type HttpOptions, serveHttp } from "../telemetry/http.ts";
import { type Readiness, readiness } from "../telemetry/readiness.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { version } from "../version.ts";

/** Milliseconds between two tries to get an address that a predecessor still holds. */
const retryMs = 250;

/** What an endpoint tells of. */
export interface EndpointOptions {
  readonly listen: ListenConfig | undefined;
  /** The field of the config that says so. */
  readonly field: "telemetry.listen" | "sops.listen";
  readonly service: { peek(): ServiceStatus };
  /** Whether it is ready, and why not. */
  readonly readiness: (status: ServiceStatus, telemetry: string) => Readiness;
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
  const { listen } = options;
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

function httpOptions(
  { field, service, readiness, telemetry }: EndpointOptions,
  listen: HttpOptions["listen"],
): HttpOptions {
  const now = () => Math.round(systemClock.now());
  return { listen, field, peek: () => service.peek(), readiness, telemetry, version, now };
}

/**
 * The plugin's readiness, whatever kube-apiserver is told: an outage that lasts, a refusal, and stored data that cannot be
 * read are told here under every policy.
 *
 * @param afterMs how long an outage may last.
 */
export function pluginReadiness(afterMs: number): EndpointOptions["readiness"] {
  return (status, telemetry) => {
    const { quorum } = status;
    const state = outageState(quorum, afterMs, systemClock.now());
    const [lost, why] = [quorum.state === "lost" ? quorum.message : "", unreadable(status)];
    const ready = (state === "none" || state === "outage") && why === "";
    return readiness(status, { ready, message: [lost, why].filter(Boolean).join(" ") }, telemetry);
  };
}

/** A key service's: it has no key ID, and people wait for it, so that it is ready while its providers are. */
export function keyServiceReadiness(status: ServiceStatus, telemetry: string): Readiness {
  const { quorum } = status;
  return { ready: quorum.state === "held", message: quorum.state === "held" ? "" : quorum.message, status, telemetry };
}
