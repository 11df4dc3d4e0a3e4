/**
 * The TLS key and certificate of this server, in one file of mode 0600.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { hex, sha256, utf8, utf8Text } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { readRegularFile, replaceFile, whyUnreadable } from "../../../base/durable_file.ts";
import { type CertificateAuthority, certificatesIn, type ServerCertificate } from "./certificate_authority.ts";
import { lifetimes } from "./lifetimes.ts";

/** Maximum size of the file in bytes. */
const maxFileBytes = 65_536;

/** A key and certificate to serve with. */
export interface CurrentCertificate extends ServerCertificate {
  /** Why they are not in the file: they are lost with this process. */
  readonly failure?: KeyringError;
}

/** Keeps one file with a key and a chain, and replaces it before it expires. */
export class ServerCertificateFile {
  readonly #path: string;
  readonly #names: readonly string[];
  readonly #authority: CertificateAuthority;
  readonly #clock: Clock;

  /**
   * @param path in the state folder, which must exist.
   * @param names DNS names and IP addresses of this server, at least one.
   */
  constructor(
    path: string,
    names: readonly string[],
    parts: { readonly authority: CertificateAuthority; readonly clock: Clock },
  ) {
    this.#path = path;
    this.#names = names;
    this.#authority = parts.authority;
    this.#clock = parts.clock;
  }

  /**
   * The key and certificate to serve with. A new pair is made and written if there is none, if less than 30 days are left,
   * if the names have changed, or if the authority is trusted no longer. A file that cannot be written ends no service: the
   * new pair is as good in memory. Call it at the start and every hour.
   *
   * @param inUse the pair that this process has served with so far. It is taken again while the file cannot be written.
   */
  async current(signal: AbortSignal, inUse?: ServerCertificate): Promise<CurrentCertificate> {
    const kept = await this.#kept();
    if (kept !== undefined && await this.#isGood(kept, signal)) return kept;
    const isGood = inUse !== undefined && await this.#isGood(inUse, signal);
    const { key, chain, notAfter } = isGood ? inUse : await this.#authority.serverCertificate(this.#names, signal);
    const failure = await this.#write(key + chain);
    return { key, chain, notAfter, ...(failure === undefined ? {} : { failure }) };
  }

  async #write(text: string): Promise<KeyringError | undefined> {
    try {
      await replaceFile(this.#path, utf8(text), 0o600);
      return undefined;
    } catch (cause) {
      const why = whyUnreadable(cause, this.#path);
      return new KeyringError("internal", `Cannot write the TLS key ${this.#path}: ${why}.`, { cause });
    }
  }

  /** The pair in the file; `undefined` if there is no file or it holds no pair, since a new one can always be made. */
  async #kept(): Promise<ServerCertificate | undefined> {
    try {
      const text = utf8Text(await readRegularFile(this.#path, maxFileBytes)) ?? "";
      const [key] = /-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----\n/.exec(text) ?? [];
      const chain = text.slice(text.indexOf("-----BEGIN CERTIFICATE-----"));
      const certificate = new X509Certificate(chain);
      if (key === undefined || !certificate.checkPrivateKey(createPrivateKey(key))) return undefined;
      return { key, chain, notAfter: Date.parse(certificate.validTo) };
    } catch {
      return undefined;
    }
  }

  async #isGood({ chain, notAfter }: ServerCertificate, signal: AbortSignal): Promise<boolean> {
    if (notAfter - this.#clock.wall() <= lifetimes.serverRenewal) return false;
    const certificate = new X509Certificate(chain);
    if (namesText(certificate.subjectAltName ?? "") !== namesText(this.#names.map(alternative).join(", "))) {
      return false;
    }
    const trusted = certificatesIn(await this.#authority.trusted(signal));
    return trusted.some((pem) => certificate.verify(new X509Certificate(pem).publicKey));
  }
}

/**
 * The fingerprint of a server's authority, which `clectl login` takes: SHA-256 of the SubjectPublicKeyInfo (RFC 5280) of
 * the last certificate, in lowercase hexadecimal.
 *
 * @param chain PEM with which a server listens: its own certificate first, that of the authority last.
 */
export function authorityFingerprint(chain: string): string {
  const last = chain.slice(chain.lastIndexOf("-----BEGIN CERTIFICATE-----"));
  return hex(sha256(new Uint8Array(new X509Certificate(last).publicKey.export({ type: "spki", format: "der" }))));
}

function alternative(name: string): string {
  return /^[\d.]+$|:/.test(name) ? `IP Address:${name}` : `DNS:${name}`;
}

function namesText(names: string): string {
  return names.split(", ").toSorted().join(", ");
}
