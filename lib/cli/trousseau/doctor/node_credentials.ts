/**
 * The life of certificates and of JSON Web Tokens with which the providers log in.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { fromBase64url, utf8Text } from "../../../base/bytes.ts";
import { rfc3339 } from "../../../base/clock.ts";
import { readRegularFile } from "../../../base/durable_file.ts";
import type { ProviderConfig } from "../../../config/config.ts";
import { type DoctorFinding, found } from "./finding.ts";

/** Maximum size of a file in bytes. */
const largestCertificate = 1024 * 1024;

/** Milliseconds. A certificate of a longer life is a warning from a week before its end. */
const weekMs = 7 * 86_400_000;

/** A source of a credential. */
interface CredentialSource {
  readonly description: string;
  read(): Promise<{ reveal(): string }>;
}

/**
 * Examines each client certificate and each token of the providers. One that cannot be read is a finding of the round
 * trip, and a secret without a date is none.
 *
 * @param now wall time in milliseconds since the epoch.
 */
export async function credentialFindings(
  providers: readonly ProviderConfig[],
  now: number,
): Promise<readonly DoctorFinding[]> {
  const paths = providers.flatMap(({ settings }) => certificateOf(settings) ?? []);
  const tokens = new Map(providers.flatMap(({ settings }) => sourcesOf(settings)).map((one) => [one.description, one]));
  const parts = await Promise.all([
    ...[...new Set(paths)].map((path) => ofFile(path, now)),
    ...[...tokens.values()].map((source) => ofToken(source, now)),
  ]);
  return parts.flat();
}

/** The sources of secrets in the login of a provider. */
function sourcesOf(settings: ProviderConfig["settings"]): readonly CredentialSource[] {
  return "auth" in settings ? Object.values(settings.auth).filter(isSource) : [];
}

function isSource(value: unknown): value is CredentialSource {
  return typeof value === "object" && value !== null && "read" in value && typeof value.read === "function" &&
    "description" in value;
}

/** The `exp` of a JSON Web Token (RFC 7519, section 4.1.4) is a warning in the last tenth of its life. */
async function ofToken(source: CredentialSource, now: number): Promise<readonly DoctorFinding[]> {
  const secret = await source.read().then((found) => found.reveal(), () => undefined);
  const { exp, iat } = claimsOf(secret);
  if (typeof exp !== "number") return [];
  const [until, from] = [exp * 1000, typeof iat === "number" ? iat * 1000 : now];
  const texts = { source: source.description, date: rfc3339(until) ?? "?" };
  if (until <= now) return [found("token-ended", texts)];
  return [found(until - now < Math.min(weekMs, (until - from) / 10) ? "token-ends" : "token-lasts", texts)];
}

/** The claims of a token; empty for any other text. */
function claimsOf(token: string | undefined): { readonly exp?: unknown; readonly iat?: unknown } {
  const [, payload] = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(token?.trim() ?? "") ?? [];
  try {
    const claims: unknown = JSON.parse(utf8Text(fromBase64url(payload ?? "") ?? new Uint8Array()) ?? "");
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

function certificateOf(settings: ProviderConfig["settings"]): string | undefined {
  return "tls" in settings && "certificateFile" in settings.tls ? settings.tls.certificateFile : undefined;
}

async function ofFile(path: string, now: number): Promise<readonly DoctorFinding[]> {
  const certificate = await readRegularFile(path, largestCertificate).then(parsed, () => undefined);
  if (certificate === undefined) return [];
  const [from, until] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const texts = { path, date: rfc3339(until) ?? "?" };
  if (until <= now) return [found("certificate-ended", texts)];
  // A certificate for hours or days is renewed by a program, at a third of its life at the latest.
  const isShort = until - now < Math.min(weekMs, (until - from) / 4);
  return [found(isShort ? "certificate-ends" : "certificate-lasts", texts)];
}

function parsed(bytes: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
