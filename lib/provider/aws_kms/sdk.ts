/**
 * The AWS SDK, kept to signing, naming endpoints and reading answers: it sends over the HTTP of this room, makes each
 * call once, and is told everything that it would look for in the environment, in the home folder or on the network.
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

/** What a command is sent with: the SDK hands it to the transport as it is. */
export interface SdkCall {
  readonly abortSignal: AbortSignal;
  readonly call: HttpCall;
  /** Filled in by the transport. */
  readonly seen: SdkSeen;
}

/** The parts of an answer that the SDK does not return. */
interface SdkSeen {
  /** Its Date field. */
  date?: string | undefined;
  /** Whether the request was signed by a clock that is minutes off the answer's. */
  skewed?: boolean;
}

/** A request as the SDK has built and signed it. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What the SDK reads an answer from. */
interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** What {@linkcode SdkCall} wraps a call in. */
export function sdkCall(call: HttpCall): SdkCall {
  return { abortSignal: call.signal, call, seen: {} };
}

/** Sends for the SDK. What fails on the way is thrown as a KmsError, which the SDK hands on untouched. */
export class SdkTransport {
  readonly #http: Pick<HttpClient, "ask">;
  readonly #server: string;
  /** The server's wall time less the monotonic one of this process, which no clock that is set changes. */
  #serverAhead: number | undefined;

  /** @param server what it is called in messages, such as `AWS KMS`. */
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
   * Milliseconds by which AWS' clock is ahead of this machine's; 0 where that is not known. A signature that is five
   * minutes off is refused, so that a new client begins with the offset of the one before it.
   */
  get clockOffset(): number {
    return this.#serverAhead === undefined ? 0 : this.#serverAhead + systemClock.now() - systemClock.wall();
  }

  /** Part of what the SDK wants of a transport; nothing of it is configured through the SDK. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

/** The configuration of a client. What is left out here the SDK would go and look for. */
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
    // A repeat is decided upon in lib/provider/retrying.ts, for all vendors alike.
    maxAttempts: 1,
    retryMode: "standard" as const,
    defaultsMode: "standard" as const,
    disableClockSkewCorrection: false,
    authSchemePreference: [],
    userAgentAppId: "trousseau",
    // The SDK's own would tell AWS about this machine, and may not ask the machine.
    defaultUserAgentProvider: () => Promise.resolve([["trousseau", version] as [string, string]]),
  };
}

/** AWS's error codes for a signature of another time ("Troubleshoot Signature Version 4 signing"). */
const skewErrors: readonly string[] = [
  "InvalidSignatureException",
  "RequestExpired",
  "RequestInTheFuture",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
];

/**
 * Sends, and once more where it was signed by a clock that is wrong: the SDK signs by AWS' clock then, which it has from
 * the answer.
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

/** The time of the X-Amz-Date field, `20261103T180000Z`, in milliseconds since the epoch; `NaN` where there is none. */
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
