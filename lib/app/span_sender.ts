/**
 * Sends spans to a collector over HTTP.
 *
 * Source: OpenTelemetry protocol 1.9, "OTLP/HTTP": which answers are final, and which are tried again.
 *
 * @module
 */
import { type KmsError, toKmsError } from "../base/errors.ts";
import type { TracesConfig } from "../config/traces.ts";
import { HttpClient } from "../net/https/client.ts";
import { field } from "../net/https/fields.ts";
import type { HttpAnswer } from "../net/https/http_answer.ts";
import type { Notify } from "../telemetry/events.ts";
import { otlpTracesPath } from "../telemetry/traces/otlp_json.ts";
import type { SpansAnswer } from "../telemetry/traces/span_exporter.ts";

/** Statuses after which the same request may be sent again. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const action = "export spans";

/** Largest answer that is read, in bytes. A collector answers a few. */
const maxAnswer = 64 * 1024;

/** A connection to a collector. */
export class SpanSender implements Disposable {
  readonly #config: TracesConfig;
  readonly #client: HttpClient;

  private constructor(config: TracesConfig, client: HttpClient) {
    this.#config = config;
    this.#client = client;
  }

  /** Reads the CA file. It makes no connection. @throws {KmsError} `config` if the file cannot be used. */
  static async open(config: TracesConfig, notify: Notify): Promise<SpanSender> {
    const server = { name: "the collector", origin: config.endpoint };
    return new SpanSender(config, await HttpClient.open("telemetry.traces", [server], config.tls, notify));
  }

  /** Sends one batch. It does not throw. */
  async send(bytes: Uint8Array, signal: AbortSignal): Promise<SpansAnswer> {
    const server = { name: "the collector", origin: this.#config.endpoint };
    const body = { type: "application/json", bytes };
    try {
      const headers = await this.#headers();
      const request = { method: "POST", path: otlpTracesPath, headers, body, maxBytes: maxAnswer } as const;
      return meaningOf(await this.#client.ask(server, request, { signal, action }));
    } catch (thrown) {
      return failure(toKmsError(thrown));
    }
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  /** Read for each request, so that a file that was replaced counts at once. */
  async #headers(): Promise<Readonly<Record<string, string>>> {
    const entries: [string, string][] = [];
    for (const { name, value } of this.#config.headers) entries.push([name, (await value.read()).reveal()]);
    return Object.fromEntries(entries);
  }
}

function meaningOf({ status, body, retryAfterMs }: HttpAnswer): SpansAnswer {
  if (status === 200) {
    if (typeof body !== "object" || body === null) {
      return { state: "refused", message: `Cannot ${action}: the collector answers 200 without the JSON of OTLP.` };
    }
    const rejected = Number(field(field(body, "partialSuccess"), "rejectedSpans") ?? 0);
    const message = `Cannot ${action}: the collector rejected a part of them.`;
    return { state: "taken", rejected: Number.isSafeInteger(rejected) ? Math.max(0, rejected) : 0, message };
  }
  const message = `Cannot ${action}: the collector answers ${status}.`;
  return passing.has(status) ? { state: "later", afterMs: retryAfterMs, message } : { state: "refused", message };
}

/** An answer that is no HTTP, or too long, would come again; all else may pass, a secret that cannot be read too. */
function failure({ code, message }: KmsError): SpansAnswer {
  return code === "provider_protocol" || code === "internal"
    ? { state: "refused", message }
    : { state: "later", afterMs: undefined, message };
}
