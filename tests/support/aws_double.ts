/**
 * A double of AWS on loopback ports inside this process: KMS with real cryptography, STS, the metadata service of a
 * machine and the agent of a container, with every signature checked, and faults on demand. The provider uses AWS's own
 * library, so that each of its tests runs that library against the double. The same conformance suite runs on moto.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { AwsLogins, type LoginReply, stsError } from "./aws_logins.ts";
import { Authority } from "./certificates.ts";
import { type AwsReply, kmsError, KmsKeys } from "./kms_keys.ts";
import { pause } from "./processes.ts";
import { isSignedBy, scopeOf, signedAt, type SignedRequest } from "./sigv4.ts";

/** A fault of the double. */
export type AwsFault =
  /** All credentials are revoked and every login is refused. */
  | { readonly kind: "refused_login" }
  /** Only these actions are allowed, and only on these resources. */
  | { readonly kind: "rights"; readonly actions: readonly string[]; readonly resources?: readonly string[] }
  | { readonly kind: "status"; readonly status: number; readonly code: string; readonly retryAfter?: string }
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "hang" }
  | { readonly kind: "half" }
  | { readonly kind: "garbage"; readonly text: string };

/** A request that KMS received. */
export interface SeenCall {
  readonly operation: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The actions of IAM that it requires. */
  readonly actions: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/** The actions by operation, as in "Actions, resources, and condition keys for AWS Key Management Service". */
const actionsOf: Readonly<Record<string, readonly string[]>> = {
  DescribeKey: ["kms:DescribeKey"],
  Encrypt: ["kms:Encrypt"],
  Decrypt: ["kms:Decrypt"],
  ReEncrypt: ["kms:ReEncryptFrom", "kms:ReEncryptTo"],
  GetKeyRotationStatus: ["kms:GetKeyRotationStatus"],
};

/** The Region of the double's first key. */
export const homeRegion = "eu-central-1";

/** One account. Disposing it closes its ports and every connection. */
export class AwsDouble implements AsyncDisposable {
  #ahead = 0;
  readonly keys = new KmsKeys(() => this.now());
  readonly logins = new AwsLogins(() => this.now());
  /** The ARN of a key that exists from the start, with the alias `alias/kubernetes`. */
  readonly arn = this.keys.create(homeRegion);
  readonly calls: SeenCall[] = [];
  fault: AwsFault | undefined;
  /** The address of KMS and STS, and that of the metadata service and the agent. */
  endpoint = "";
  metadata = "";
  /** The file with the PEM of the authority; `undefined` without TLS. */
  caFile: string | undefined;
  readonly #closes: (() => Promise<void>)[] = [];

  /** @param tls whether KMS and STS are behind TLS. */
  static async start(tls = false): Promise<AwsDouble> {
    const double = new AwsDouble();
    double.keys.alias("alias/kubernetes", double.arn);
    double.endpoint = tls
      ? `https://${await double.#listen(createServer(await double.#certificate()), double.#api.bind(double))}`
      : `http://${await double.#listen(createPlainServer(), double.#api.bind(double))}`;
    double.metadata = `http://${await double.#listen(createPlainServer(), double.#agents.bind(double))}`;
    return double;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closes.map((close) => close()));
    if (this.caFile !== undefined) await Deno.remove(this.caFile);
  }

  /** Advances the clock of the double by a number of seconds. */
  advance(seconds: number): void {
    this.#ahead += seconds;
  }

  /** Seconds since the epoch. */
  now(): number {
    return Date.now() / 1000 + this.#ahead;
  }

  /** The operations that KMS received, in order. */
  get operations(): readonly string[] {
    return this.calls.map(({ operation }) => operation);
  }

  async #certificate() {
    const authority = new Authority();
    this.caFile = await Deno.makeTempFile({ suffix: ".pem" });
    await Deno.writeTextFile(this.caFile, authority.certificate);
    const { certificate: cert, key } = authority.issue({ commonName: "kms", names: ["127.0.0.1"] });
    return { cert, key };
  }

  async #listen(
    server: ReturnType<typeof createPlainServer> | ReturnType<typeof createServer>,
    answer: (request: SignedRequest, response: ServerResponse) => Promise<void> | void,
  ): Promise<string> {
    server.on("request", async (request: IncomingMessage, response: ServerResponse) => {
      response.on("error", () => {});
      response.setHeader("date", new Date(this.now() * 1000).toUTCString());
      try {
        await answer(await read(request), response);
      } catch {
        response.destroy();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#closes.push(() => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #agents(request: SignedRequest, response: ServerResponse): void {
    this.logins.refuses = this.fault?.kind === "refused_login";
    const { method, path, headers } = request;
    sendText(
      response,
      path === "/container"
        ? this.logins.container(headers.authorization)
        : this.logins.instance(method, path, headers),
    );
  }

  async #api(request: SignedRequest, response: ServerResponse): Promise<void> {
    this.logins.refuses = this.fault?.kind === "refused_login";
    if (request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) {
      return this.#sts(request, response);
    }
    if (this.fault?.kind === "slow") await pause(this.fault.ms);
    this.#kms(request, response);
  }

  #sts(request: SignedRequest, response: ServerResponse): void {
    const scope = scopeOf(request);
    const refusal = this.#refusal(request);
    if (refusal === "InvalidSignatureException") return sendText(response, stsError(403, "SignatureDoesNotMatch"));
    const signed = scope?.service === "sts" && refusal === undefined;
    sendText(response, this.logins.sts(new URLSearchParams(request.body), signed));
  }

  #kms(request: SignedRequest, response: ServerResponse): void {
    const operation = /^TrentService\.(\w+)$/.exec(request.headers["x-amz-target"] ?? "")?.[1] ?? "";
    const { region = "", accessKeyId = "" } = scopeOf(request) ?? {};
    const input = request.body === "" ? {} : JSON.parse(request.body);
    const actions = actionsOf[operation] ?? [];
    this.calls.push({ operation, region, accessKeyId, input, actions, headers: request.headers });
    const fault = this.fault;
    if (fault?.kind === "hang") return;
    if (fault?.kind === "garbage") return sendText(response, { status: 200, text: fault.text });
    if (fault?.kind === "status") {
      if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
      return send(response, kmsError(fault.code, fault.status));
    }
    const refused = this.#refusal(request) ?? this.#denial(fault, actions, region, input);
    const reply = refused === undefined ? this.keys.operate(operation, region, input) : kmsError(refused);
    if (fault?.kind !== "half") return send(response, reply);
    const whole = JSON.stringify(reply.body);
    response.writeHead(reply.status, { "content-length": whole.length });
    response.write(whole.slice(0, whole.length / 2), () => response.socket?.destroy());
  }

  /** The error code for a request without valid credentials; `undefined` if they are valid. */
  #refusal(request: SignedRequest): string | undefined {
    const scope = scopeOf(request);
    if (scope === undefined) return "MissingAuthenticationTokenException";
    const issued = this.logins.issued.get(scope.accessKeyId);
    if (issued === undefined || this.fault?.kind === "refused_login") return "UnrecognizedClientException";
    if ((request.headers["x-amz-security-token"] ?? undefined) !== issued.sessionToken) {
      return "UnrecognizedClientException";
    }
    if (issued.expires <= this.now()) return "ExpiredTokenException";
    // "Signature Version 4": a signature is valid for five minutes before and after its time.
    const isFresh = Math.abs(signedAt(request) - this.now()) < 300;
    return isFresh && isSignedBy(request, issued.secretAccessKey) ? undefined : "InvalidSignatureException";
  }

  #denial(
    fault: AwsFault | undefined,
    actions: readonly string[],
    region: string,
    { KeyId, SourceKeyId, DestinationKeyId }: Readonly<Record<string, unknown>>,
  ): string | undefined {
    if (fault?.kind !== "rights") return undefined;
    const named = [KeyId, SourceKeyId, DestinationKeyId].filter((one) => one !== undefined);
    const arns = named.map((one) => this.keys.arn(region, one) ?? String(one));
    const allowed = actions.every((action) => fault.actions.includes(action)) &&
      arns.every((arn) => fault.resources === undefined || fault.resources.includes(arn));
    return allowed ? undefined : "AccessDeniedException";
  }
}

function send(response: ServerResponse, { status, body }: AwsReply): void {
  sendText(response, { status, text: JSON.stringify(body) });
}

function sendText(response: ServerResponse, { status, text }: LoginReply): void {
  const type = text.startsWith("<") ? "text/xml" : "application/x-amz-json-1.1";
  response.writeHead(status, { "content-type": type, "content-length": new Blob([text]).size });
  response.end(text);
}

async function read(request: IncomingMessage): Promise<SignedRequest> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const headers = Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(", ")]);
  return { method: request.method ?? "", path: request.url ?? "/", headers: Object.fromEntries(headers), body };
}
