/**
 * The PEM files that a connection to a KMS stands on.
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

/** Paths of PEM files, the proxy, and the name to expect in the server's certificate where it is not the address's host. */
export interface TlsFiles {
  readonly caFile?: string;
  readonly serverName?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** The proxy on the way; left out, servers are dialled directly. */
  readonly proxy?: ProxySettings;
}

/** In bytes: the authorities that a machine trusts have a quarter of a million. */
const largestFile = 4 * 1024 * 1024;

/**
 * Where Linux distributions keep the authorities that the machine trusts, all in one file: Debian and distroless, Fedora,
 * Red Hat, SUSE, Alpine. Deno's own list would want a permission that nothing else here needs.
 */
const systemAuthorities = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
] as const;

/**
 * Reads the files of now and checks that they can be used. Without a CA file, the machine's authorities are read.
 *
 * @throws {KmsError} `config` if one cannot be read, holds no PEM, or certificate and key do not belong together.
 */
export async function readTlsFiles(tls: TlsFiles, provider: string): Promise<TlsMaterial> {
  const own = await readPem(tls.caFile, provider);
  const authorities = own === undefined ? await machineAuthorities() : { pem: own, source: tls.caFile };
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
    if (belongTogether(material.certificate, material.key)) return material;
  } catch (cause) {
    throw unusable(provider, `${tls.certificateFile} and ${tls.keyFile} are no certificate and key`, cause);
  }
  throw unusable(provider, `the key in ${tls.keyFile} is not the one of ${tls.certificateFile}`);
}

function belongTogether(certificate: string | undefined, key: string | undefined): boolean {
  if (certificate === undefined || key === undefined) return true;
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

async function machineAuthorities(): Promise<{ readonly pem: string; readonly source: string } | undefined> {
  for (const path of systemAuthorities) {
    const pem = await readRegularFile(path, largestFile).then(utf8Text, () => undefined);
    if (pem !== undefined) return { pem, source: `${path} (the system's)` };
  }
  return undefined;
}

/** Whether two readings would make the same connection. */
export function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.certificate === b.certificate && a.key === b.key && sameProxy(a.proxy, b.proxy);
}

/** When the client certificate expires, in milliseconds since the epoch; `undefined` where there is none. */
export function certificateExpiry(material: TlsMaterial): number | undefined {
  return material.certificate === undefined ? undefined : Date.parse(new X509Certificate(material.certificate).validTo);
}

async function readPem(path: string | undefined, provider: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readCredentialText(path, largestFile);
  } catch (cause) {
    throw unusable(provider, `${path} cannot be read: ${whyUnreadable(cause, path)}`, cause);
  }
}

function unusable(provider: string, why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot open provider "${provider}": ${why}.`, { cause });
}
