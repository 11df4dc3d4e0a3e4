/**
 * The HTTP endpoint of a process that serves. If it cannot listen on its port, the process serves without it.
 *
 * @module
 */
import { processStartedAt, systemClock } from "../base/clock.ts";
import type { ListenConfig } from "../config/config.ts";
import { backoff } from "../base/deadline.ts";
import { toKmsError } from "../base/errors.ts";
import { type HttpEndpoint, type HttpOptions, serveHttp } from "../telemetry/http.ts";
import type { ServicePages } from "../telemetry/pages.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { version } from "../base/version.ts";
import { listenText, telemetryAddressFile } from "./telemetry_address.ts";

/** Milliseconds until the next attempt to listen on an address in use: the first pause and the longest one. */
const retry = { first: 250, most: 10_000 } as const;

/** Options of an endpoint. */
export interface EndpointOptions {
  /** The address; `undefined` for no endpoint. */
  readonly listen: ListenConfig | undefined;
  /** The configuration field of the address. */
  readonly field: "telemetry.listen" | "sops.listen" | "keyring.metrics";
  /** The path of the Unix socket that this process serves. */
  readonly socket: string;
  /**
   * The state folder, if another port can be used instead: a port in use is replaced by a free one, and the address is
   * written to the folder. `undefined` if the address comes from a configuration.
   */
  readonly anyPort?: string | undefined;
  /** The pages of the service. */
  readonly pages: ServicePages;
  /** The reason to restart the process, in one sentence; `""` if there is none. */
  readonly complaint: () => string;
  readonly telemetry: Telemetry;
}

/** An endpoint that is open, or that tries to open. */
export interface Endpoint extends AsyncDisposable {
  /** Its present origin, for instance `http://127.0.0.1:8090`; `undefined` if it is not open. */
  origin(): string | undefined;
}

/** Opens the endpoint, if there is an address. If that fails, it logs a warning and tries again until it is closed. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { listen } = options;
  if (listen === undefined) return { origin: () => undefined, [Symbol.asyncDispose]: () => Promise.resolve() };
  const opened = new RetriedEndpoint(options, listen);
  await opened.start();
  return opened;
}

class RetriedEndpoint implements Endpoint {
  readonly #options: EndpointOptions;
  readonly #listen: ListenConfig;
  readonly #closing = new AbortController();
  #http: HttpEndpoint | undefined;
  #retrying: Promise<void> = Promise.resolve();

  constructor(options: EndpointOptions, listen: ListenConfig) {
    this.#options = options;
    this.#listen = listen;
  }

  origin(): string | undefined {
    return this.#http?.origin;
  }

  /** Makes the first attempt. Later attempts are made in the background. */
  async start(): Promise<void> {
    const { anyPort } = this.#options;
    if (anyPort === undefined) {
      if (!this.#try(this.#listen, true)) this.#retrying = this.#retry();
      return;
    }
    const taken = this.#try(this.#listen, false) || this.#try({ ...this.#listen, port: 0 }, true);
    if (!taken) this.#retrying = this.#retry();
    else await this.#remember(anyPort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#retrying;
    await this.#http?.[Symbol.asyncDispose]();
  }

  async #retry(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; this.#http === undefined && !signal.aborted; failures++) {
      await systemClock.sleep(backoff(failures, retry.first, retry.most), signal);
      if (!signal.aborted) this.#try(this.#listen, true);
    }
    const { anyPort } = this.#options;
    if (this.#http !== undefined && anyPort !== undefined) await this.#remember(anyPort);
  }

  #try(listen: ListenConfig, tell: boolean): boolean {
    try {
      const http = this.#http = serveHttp(httpOptions(this.#options, listen));
      this.#tell("listening", listenText({ ...listen, port: http.port }), `Health and metrics are on ${http.origin}.`);
      return true;
    } catch (thrown) {
      const message = `${toKmsError(thrown).message} Trousseau serves without it and tries again.`;
      if (tell) this.#tell("listen_failed", listenText(listen), message);
      return false;
    }
  }

  async #remember(folder: string): Promise<void> {
    const listen = listenText({ ...this.#listen, port: this.#http?.port ?? this.#listen.port });
    try {
      await telemetryAddressFile(folder).write({ listen });
    } catch (thrown) {
      const { message } = toKmsError(thrown);
      this.#options.telemetry.notify({ type: "lifecycle", action: "warning", message });
    }
  }

  #tell(action: "listening" | "listen_failed", address: string, message: string): void {
    this.#options.telemetry.notify({ type: "telemetry_port", action, address, message });
  }
}

const troubles = {
  accept_failed: "An HTTP connection could not be accepted; the process may have run out of descriptors.",
  dropped: "An HTTP connection was closed to make room for another one, or for the KMS API's descriptors.",
} as const;

function httpOptions(options: EndpointOptions, listen: HttpOptions["listen"]): HttpOptions {
  const { field, pages, complaint, socket, telemetry } = options;
  const address = listenText(listen);
  return {
    listen,
    field,
    socket,
    pages,
    complaint,
    telemetry,
    version,
    startedAt: processStartedAt,
    onTrouble: (action) => telemetry.notify({ type: "telemetry_port", action, address, message: troubles[action] }),
  };
}

/** An endpoint whose address can be changed while it is open. */
export interface MovableEndpoint extends Endpoint {
  /** Closes the endpoint and opens it at another address, if there is one. It does not wait for an address in use. */
  move(listen: ListenConfig | undefined): Promise<void>;
}

/** Opens an endpoint that can be moved. */
export async function openMovableEndpoint(options: EndpointOptions): Promise<MovableEndpoint> {
  let open = await openEndpoint(options);
  return {
    origin: () => open.origin(),
    async move(listen) {
      await open[Symbol.asyncDispose]();
      open = await openEndpoint({ ...options, listen });
    },
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}
