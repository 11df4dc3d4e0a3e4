/**
 * The life of certificates with which the providers log in.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { rfc3339 } from "../../../base/clock.ts";
import { readRegularFile } from "../../../base/durable_file.ts";
import type { ProviderConfig } from "../../../config/config.ts";
import { type DoctorFinding, found } from "./finding.ts";

/** Maximum size of a file in bytes. */
const largestCertificate = 1024 * 1024;

/** Milliseconds. A certificate of a longer life is a warning from a week before its end. */
const weekMs = 7 * 86_400_000;

/**
 * Examines each client certificate of the providers. A file that cannot be read is a finding of the round trip.
 *
 * @param now wall time in milliseconds since the epoch.
 */
export async function certificateFindings(
  providers: readonly ProviderConfig[],
  now: number,
): Promise<readonly DoctorFinding[]> {
  const paths = providers.flatMap(({ settings }) => certificateOf(settings) ?? []);
  const parts = await Promise.all([...new Set(paths)].map((path) => ofFile(path, now)));
  return parts.flat();
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
