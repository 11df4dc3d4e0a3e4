/**
 * Checks the signature of a request, for the double of AWS. Written from "Signature Version 4 for API requests" of the
 * AWS Identity and Access Management User Guide.
 *
 * @module
 */
import { createHash, createHmac } from "node:crypto";

/** A received request. Header names are lowercase. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The credential scope of a request. */
export interface Scope {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

const authorization =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/** The credential scope of a request; `undefined` if it is not signed. */
export function scopeOf({ headers }: SignedRequest): Scope | undefined {
  const [, accessKeyId, , region, service] = authorization.exec(headers.authorization ?? "") ?? [];
  return accessKeyId === undefined || region === undefined || service === undefined
    ? undefined
    : { accessKeyId, region, service };
}

/** Whether the request was signed with this key. */
export function isSignedBy(request: SignedRequest, secretAccessKey: string): boolean {
  const [, , date = "", region = "", service = "", signed = "", signature] =
    authorization.exec(request.headers.authorization ?? "") ?? [];
  const names = signed.split(";");
  const time = request.headers["x-amz-date"] ?? "";
  if (!names.includes("host") || !names.includes("x-amz-date") || !time.startsWith(date)) return false;
  const canonical = [
    request.method,
    request.path,
    "",
    ...names.map((name) => `${name}:${(request.headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    signed,
    sha256(request.body),
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, `${date}/${region}/${service}/aws4_request`, sha256(canonical)].join("\n");
  const key = [date, region, service, "aws4_request"].reduce<string | Uint8Array>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${secretAccessKey}`,
  );
  return createHmac("sha256", key).update(toSign).digest("hex") === signature;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The time of signing in a request, in seconds since the epoch. */
export function signedAt({ headers }: SignedRequest): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers["x-amz-date"] ?? "") ?? [];
  const [year = "", month = "", day = "", hour = "", minute = "", second = ""] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) / 1000;
}
