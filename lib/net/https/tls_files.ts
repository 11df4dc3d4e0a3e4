/**
 * The PEM files for connections to a KMS.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { utf8Text } from "../../base/bytes.ts";
import { readCredentialText } from "../../base/credential_file.ts";
import { readRegularFile, whyUnreadable } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import type { TlsMaterial } from "./endpoint.ts";
import { type ProxySettings, readProxy, sameProxy } from "./proxy.ts";

/**
 * Paths of PEM files, the proxy, and the expected name in the server's certificate if it differs from the address's
 * host.
 */
export interface TlsFiles {
  /** CA certificates; without it, the system's bundle. */
  readonly caFile?: string;
  /** Expected name in the server's certificate, if it differs from the address's host. */
  readonly serverName?: string;
  /** Client certificate; only with `keyFile`. */
  readonly certificateFile?: string;
  /** Private key of the client certificate. */
  readonly keyFile?: string;
  /** The proxy for servers beyond this machine; `undefined` for direct connections. */
  readonly proxy?: ProxySettings;
}

/** Maximum file size in bytes. A typical system bundle of CA certificates has a quarter of a million. */
const maxFileBytes = 4 * 1024 * 1024;

/**
 * Bundles of the system's CA certificates, by distribution: Debian and distroless, Fedora, Red Hat, SUSE, Alpine.
 * Deno's own list would need a permission that is not used otherwise.
 */
const systemAuthorities = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
] as const;

/**
 * Reads the files and checks that they can be used. Without a CA file, the system's bundle is read.
 *
 * @throws {KmsError} `config` if a file cannot be read or contains no PEM, or if certificate and key do not match.
 */
export async function readTlsFiles(tls: TlsFiles, provider: string): Promise<TlsMaterial> {
  const own = await readPem(tls.caFile, provider);
  const authorities = own === undefined ? await systemBundle() : { pem: own, source: tls.caFile };
  const material = {
    ca: authorities?.pem,
    trusted: authorities?.source,
    certificate: await readPem(tls.certificateFile, provider),
    key: await readPem(tls.keyFile, provider),
    serverName: tls.serverName,
    proxy: tls.proxy === undefined ? undefined : await readProxy(tls.proxy),
  };
  if ((material.certificate === undefined) !== (material.key === undefined)) {
    throw unusable(provider, "tls.certificateFile and tls.keyFile go together");
  }
  try {
    if (material.ca !== undefined) new X509Certificate(material.ca);
  } catch (cause) {
    throw unusable(provider, `${material.trusted} holds no certificate`, cause);
  }
  try {
    if (keyMatches(material.certificate, material.key)) return material;
  } catch (cause) {
    throw unusable(provider, `${tls.certificateFile} and ${tls.keyFile} are no certificate and key`, cause);
  }
  throw unusable(provider, `the key in ${tls.keyFile} is not the one of ${tls.certificateFile}`);
}

function keyMatches(certificate: string | undefined, key: string | undefined): boolean {
  if (certificate === undefined || key === undefined) return true;
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

async function systemBundle(): Promise<{ readonly pem: string; readonly source: string } | undefined> {
  for (const path of systemAuthorities) {
    const pem = await readRegularFile(path, maxFileBytes).then(utf8Text, () => undefined);
    if (pem !== undefined) return { pem, source: `${path} (the system's)` };
  }
  return undefined;
}

/** Whether both result in the same connections. */
export function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.certificate === b.certificate && a.key === b.key && sameProxy(a.proxy, b.proxy);
}

/** Expiry of the client certificate in milliseconds since the epoch; `undefined` if there is none. */
export function certificateExpiry(material: TlsMaterial): number | undefined {
  return material.certificate === undefined ? undefined : Date.parse(new X509Certificate(material.certificate).validTo);
}

async function readPem(path: string | undefined, provider: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readCredentialText(path, maxFileBytes);
  } catch (cause) {
    throw unusable(provider, `${path} cannot be read: ${whyUnreadable(cause, path)}`, cause);
  }
}

function unusable(provider: string, why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot open provider "${provider}": ${why}.`, { cause });
}
