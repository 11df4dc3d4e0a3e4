/**
 * The PEM files that a connection to Vault stands on, read again while the plugin runs.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { KmsError } from "../../errors.ts";
import type { TlsMaterial } from "./http.ts";
import type { VaultTls } from "./settings.ts";

/**
 * Reads the files of now and checks that they can be used.
 *
 * @throws {KmsError} `config` if one cannot be read, holds no PEM, or certificate and key do not belong together.
 */
export async function readTlsFiles(tls: VaultTls, provider: string): Promise<TlsMaterial> {
  const material = {
    ca: await readPem(tls.caFile, provider),
    certificate: await readPem(tls.certificateFile, provider),
    key: await readPem(tls.keyFile, provider),
    serverName: tls.serverName,
  };
  if ((material.certificate === undefined) !== (material.key === undefined)) {
    throw unusable(provider, "tls.certificateFile and tls.keyFile go together");
  }
  try {
    if (material.ca !== undefined) new X509Certificate(material.ca);
  } catch (cause) {
    throw unusable(provider, `${tls.caFile} holds no certificate`, cause);
  }
  try {
    if (material.certificate !== undefined) createSecureContext({ cert: material.certificate, key: material.key });
  } catch (cause) {
    throw unusable(provider, `${tls.certificateFile} and ${tls.keyFile} are no certificate and its key`, cause);
  }
  return material;
}

/** Whether two readings would make the same connection. */
export function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.certificate === b.certificate && a.key === b.key;
}

/** When the client certificate expires, in milliseconds since the epoch; `undefined` where there is none. */
export function certificateExpiry(material: TlsMaterial): number | undefined {
  return material.certificate === undefined ? undefined : Date.parse(new X509Certificate(material.certificate).validTo);
}

async function readPem(path: string | undefined, provider: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw unusable(provider, `${path} cannot be read`, cause);
  }
}

function unusable(provider: string, why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot open provider "${provider}": ${why}.`, { cause });
}
