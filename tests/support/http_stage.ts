/**
 * A served HTTP endpoint of the plugin with a fake clock, and statuses for its pages.
 *
 * @module
 */
import { utf8 } from "../../lib/base/bytes.ts";
import type { ProviderStatus, ServiceStatus } from "../../lib/services/kms/service.ts";
import { type HttpEndpoint, type HttpOptions, serveHttp } from "../../lib/telemetry/http.ts";
import { createLogger } from "../../lib/telemetry/log.ts";
import { createMetrics } from "../../lib/telemetry/metrics.ts";
import { kmsPages, withKeys } from "../../lib/services/kms/status_page.ts";
import { wellStatus } from "./fake_service.ts";

/** A provider whose last call succeeded. */
export const well: ProviderStatus = {
  name: "vault-eu",
  kind: "vault-transit",
  health: "well",
  message: "",
  code: "ok",
  since: 1_000_000,
  lastGoodAt: 2_000_000,
  version: "3@2030",
  lacksWrapSince: undefined,
};

const sick: ProviderStatus = {
  ...well,
  name: "local",
  kind: "local",
  health: "sick",
  code: "unreachable",
  message: "It is away.\x1b[31m",
  lastGoodAt: undefined,
  lacksWrapSince: 3_000_000,
};

/** A status with all members set, of two providers. */
export const status: ServiceStatus = {
  ...wellStatus,
  keyId: "t1-00112233445566778899aabbccddeeff",
  provisional: false,
  message: "",
  quorum: { state: "held" },
  needed: 1,
  providers: [well, sick],
  retired: [],
  wrapOnly: [],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  canEncrypt: true,
  sealedVersions: [{
    provider: "vault",
    kind: "vault-transit",
    version: "1@2026-01-31T12:00:00Z",
    announced: false,
    state: "refused",
    code: "key_unusable",
    message: "The version is retired.\x1b[31m",
    testedAt: undefined,
  }],
};

/** The endpoint on a free port, its status, and requests to it. */
export class Stage implements AsyncDisposable {
  status: ServiceStatus | Error = status;
  verdict = { ready: true, message: "" };
  problem = "";
  complaint = "";
  log = "";
  now = 5_000_000;
  readonly endpoint: HttpEndpoint;
  readonly troubles: string[] = [];
  rendered = 0;

  constructor(
    listen: HttpOptions["listen"] = { hostname: "127.0.0.1", port: 0 },
    bounds: NonNullable<HttpOptions["bounds"]> = {},
  ) {
    const now = () => this.now;
    const clock = { now, wall: now };
    const metrics = createMetrics({ version: "1.2.3", clock, linesLost: () => ({ audit: 0, log: 0 }) });
    this.endpoint = serveHttp({
      listen,
      pages: kmsPages(() => {
        if (this.status instanceof Error) throw this.status;
        return this.status;
      }, (status) => withKeys(status, this.verdict)),
      complaint: () => this.complaint,
      telemetry: {
        metrics: {
          observe: metrics.observe,
          render: (rows) => {
            this.rendered++;
            return metrics.render(rows);
          },
        },
        problem: () => this.problem,
        log: createLogger({
          level: "debug",
          format: "json",
          colours: false,
          now,
          write: (line) => void (this.log += line),
        }),
      },
      version: "1.2.3",
      clock,
      onTrouble: (action) => void this.troubles.push(action),
      bounds,
    });
  }

  /** A raw connection, for requests that `fetch` does not make. */
  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.endpoint.port });
  }

  /** Sends text. @returns all bytes until the server closes the connection. */
  async send(text: string): Promise<string> {
    const connection = await this.connect();
    await connection.write(utf8(text));
    return await new Response(connection.readable).text();
  }

  async get(path: string, init: RequestInit = {}): Promise<{ code: number; body: string; headers: Headers }> {
    const response = await fetch(`${this.endpoint.origin}${path}`, init);
    return { code: response.status, body: await response.text(), headers: response.headers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endpoint[Symbol.asyncDispose]();
  }
}

export const get = "GET /livez HTTP/1.1\r\nhost: localhost\r\n";
