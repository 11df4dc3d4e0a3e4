/**
 * The configuration of the AWS SDK. It is used for signing, endpoints and parsing only: it sends over the HTTP client
 * of this project, makes each call once, and gets all values that it would otherwise read from the environment, the
 * home folder or the network.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { version } from "../../base/version.ts";
import type { HttpClient } from "../../net/https/client.ts";
import type { HttpBody, HttpCall } from "../../net/https/endpoint.ts";
import { maxClockSkewMs, serverNow } from "../../net/https/server_time.ts";
import type { AwsKeys } from "./credentials.ts";
import type { AwsKmsSettings } from "./settings.ts";

/** The options of a command; the SDK passes them to the transport unchanged. */
export interface SdkCall {
  readonly abortSignal: AbortSignal;
  readonly call: HttpCall;
  /** Filled in by the transport. */
  readonly seen: SdkSeen;
}

/** The parts of a response that the SDK does not return. */
interface SdkSeen {
  /** The Date header. */
  date?: string | undefined;
  /** Whether the time of the signature differs from the response's by minutes. */
  skewed?: boolean;
}

/** A request that the SDK has built and signed. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A response in the form that the SDK parses. */
interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** The SDK options for a call. */
export function sdkCall(call: HttpCall): SdkCall {
  return { abortSignal: call.signal, call, seen: {} };
}

/** Sends requests of the SDK. Errors of the connection are thrown as KmsErrors, which the SDK passes on unchanged. */
export class SdkTransport {
  readonly #http: Pick<HttpClient, "ask">;
  readonly #server: string;
  /**
   * The server's wall time minus this process's monotonic time, which is independent of changes to the system clock.
   */
  #serverAhead: number | undefined;

  /** @param server name in messages, for instance `AWS KMS`. */
  constructor(http: Pick<HttpClient, "ask">, server: string) {
    this.#http = http;
    this.#server = server;
  }

  async handle(request: SdkRequest, options: object = {}): Promise<{ response: SdkResponse }> {
    if (!isSdkCall(options)) throw new TypeError("A command was sent without its call.");
    const { protocol, hostname, port, path, headers } = request;
    const origin = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`;
    const sent = { method: "POST", path, headers, body: bodyOf(request) } as const;
    const answer = await this.#http.ask({ name: this.#server, origin }, sent, options.call);
    const { date } = answer.headers;
    options.seen.date = date;
    if (date !== undefined) this.#serverAhead = serverNow(date) - systemClock.now();
    options.seen.skewed = Math.abs(serverNow(date) - signedAt(headers)) > maxClockSkewMs;
    return { response: { statusCode: answer.status, headers: texts(answer.headers), body: answer.bytes } };
  }

  /**
   * Milliseconds by which AWS's clock is ahead of this machine's; 0 if unknown. AWS refuses a signature that is off by
   * five minutes, so that a new client begins with the offset of its predecessor.
   */
  get clockOffset(): number {
    return this.clockAheadMs ?? 0;
  }

  /** The same; `undefined` if it is unknown. */
  get clockAheadMs(): number | undefined {
    return this.#serverAhead === undefined ? undefined : this.#serverAhead + systemClock.now() - systemClock.wall();
  }

  /** Required by the SDK's transport interface; nothing is configured through it. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

/** The configuration of a client. The SDK would search the environment for any setting that is missing here. */
export function sdkConfig(
  { region, fips, dualStack }: AwsKmsSettings,
  endpoint: string | undefined,
  transport: SdkTransport,
  keys: AwsKeys,
) {
  return {
    region,
    useFipsEndpoint: fips,
    useDualstackEndpoint: dualStack,
    ...(endpoint === undefined ? {} : { endpoint }),
    ignoreConfiguredEndpointUrls: true,
    credentials: keys.reveal(),
    requestHandler: transport,
    systemClockOffset: transport.clockOffset,
    // lib/provider/retrying.ts retries for all vendors.
    maxAttempts: 1,
    retryMode: "standard" as const,
    defaultsMode: "standard" as const,
    disableClockSkewCorrection: false,
    authSchemePreference: [],
    userAgentAppId: "trousseau",
    // The SDK's default user agent describes this machine, which the permissions do not allow it to read.
    defaultUserAgentProvider: () => Promise.resolve([["trousseau", version] as [string, string]]),
  };
}

/** AWS's error codes for a signature with a wrong time ("Troubleshoot Signature Version 4 signing"). */
const skewErrors: readonly string[] = [
  "InvalidSignatureException",
  "RequestExpired",
  "RequestInTheFuture",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
];

/**
 * Sends a command, and sends it once more if its signature had the wrong time: the SDK then signs with AWS's time,
 * which it takes from the response.
 */
export async function byServersClock<Out>(call: HttpCall, send: (options: SdkCall) => Promise<Out>) {
  const first = sdkCall(call);
  try {
    return { out: await send(first), date: first.seen.date };
  } catch (thrown) {
    const name = thrown instanceof Error ? thrown.name : "";
    if (first.seen.skewed !== true || !skewErrors.includes(name)) throw thrown;
    const second = sdkCall(call);
    return { out: await send(second), date: second.seen.date };
  }
}

/** The time of the X-Amz-Date header, `20261103T180000Z`, in milliseconds since the epoch; `NaN` if there is none. */
function signedAt(headers: SdkRequest["headers"]): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers["x-amz-date"] ?? "") ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function isSdkCall(options: object): options is SdkCall {
  return "call" in options && "abortSignal" in options && "seen" in options;
}

function bodyOf({ headers, body }: SdkRequest): HttpBody {
  const bytes: unknown = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (!(bytes instanceof Uint8Array)) throw new TypeError("A command has a body that is neither text nor bytes.");
  return { type: headers["content-type"] ?? "application/octet-stream", bytes };
}

function texts(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value ?? ""]),
  );
}
