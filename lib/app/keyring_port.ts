/**
 * The port of the keyring's API: opened once the store is, with a certificate that is renewed.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { KeyringError } from "../api/keyring/problems.ts";
import { utf8, utf8Text } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { readRegularFile, replaceFile, whyUnreadable } from "../base/durable_file.ts";
import { toKmsError } from "../base/errors.ts";
import type { KeyringConfig } from "../config/config.ts";
import type { AnswerRequest } from "../services/keyring/http/exchange.ts";
import { openTlsListener, type ServerKeyPair, type TlsListener } from "../services/keyring/http/tls_listener.ts";
import type { CertificateAuthority } from "../services/keyring/identity/certificate_authority.ts";
import {
  authorityFingerprint,
  type CurrentCertificate,
  ServerCertificateFile,
} from "../services/keyring/identity/server_certificate.ts";
import type { Notify } from "../telemetry/events.ts";

/** Bytes of a PEM file: a chain of some certificates. */
const maxPem = 256 * 1024;

/** Parts of a {@linkcode KeyringPort}. */
export interface KeyringPortParts {
  readonly config: Pick<KeyringConfig, "listen" | "tls" | "state">;
  readonly answer: AnswerRequest;
  readonly notify: Notify;
}

/** The life of a certificate in milliseconds since the epoch. */
export interface ServedCertificate {
  readonly from: number;
  readonly until: number;
  /** Whether its files are the operator's. */
  readonly isOperators: boolean;
}

/** See the module. Without `listen` it does nothing. */
export class KeyringPort {
  readonly #parts: KeyringPortParts;
  #listener: TlsListener | undefined;
  #failure: string | undefined;
  /** The pair of this store's authority; `undefined` for files of the operator. */
  #own: CurrentCertificate | undefined;
  #certificate: ServedCertificate | undefined;
  #fingerprint = "";

  constructor(parts: KeyringPortParts) {
    this.#parts = parts;
  }

  /** Whether the configuration has a port that is not open. */
  get isMissing(): boolean {
    return this.#listener === undefined && this.#parts.config.listen !== undefined;
  }

  /** Why the last try to open the port, to renew its certificate or to write a file of it failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** The certificate that is served; `undefined` before the first one. */
  get certificate(): ServedCertificate | undefined {
    return this.#certificate;
  }

  /** The reason why the port does not answer; `""` if there is none. */
  complaint(): string {
    return this.#listener?.complaint() ?? "";
  }

  /** Opens the port if it is not open, and renews its certificate. It does not throw. */
  async keepUp(authority: CertificateAuthority, signal: AbortSignal): Promise<void> {
    try {
      await this.#serve(authority, signal);
      this.#failure = undefined;
    } catch (thrown) {
      const { message } = thrown instanceof KeyringError ? thrown : toKmsError(thrown);
      if (message !== this.#failure && !signal.aborted) this.#say("warning", message);
      this.#failure = message;
    }
  }

  /** Waits at most `ms` milliseconds for the requests in progress. */
  async close(ms: number): Promise<void> {
    await this.#listener?.close(ms);
  }

  async #serve(authority: CertificateAuthority, signal: AbortSignal): Promise<void> {
    const { config: { listen, tls, state }, answer } = this.#parts;
    if (listen === undefined) return;
    const pair = await this.#keyPair(authority, signal);
    if (this.#listener === undefined) {
      this.#listener = await openTlsListener({
        ...pair,
        host: listen.hostname,
        port: listen.port,
        answer,
        clock: systemClock,
        onWatch: (message) => this.#say("warning", message),
      });
    } else this.#listener.renew(pair);
    this.#certificate = { ...lifeOf(pair.chain), isOperators: tls.files !== undefined };
    this.#sayFingerprint(this.#listener, authorityFingerprint(pair.chain));
    // The port needs none of its files: it is served before they are written, and without them.
    if (tls.files === undefined) await keepText(join(state, "ca.pem"), await authority.trusted(signal));
    if (this.#own?.failure !== undefined) throw this.#own.failure;
  }

  /** Said at the start and when another authority has signed the certificate. */
  #sayFingerprint({ address }: TlsListener, fingerprint: string): void {
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#say(
      "serving",
      `The API over TLS is on https://${address}; its authority has the fingerprint ${fingerprint}.`,
    );
  }

  async #keyPair(authority: CertificateAuthority, signal: AbortSignal): Promise<ServerKeyPair> {
    const { tls, state } = this.#parts.config;
    if (tls.files !== undefined) {
      const [key, chain] = await Promise.all([tls.files.keyFile, tls.files.certificateFile].map(textOf));
      return { key: key ?? "", chain: chain ?? "" };
    }
    const names = [...new Set([...tls.names, "localhost", "127.0.0.1"])];
    const file = new ServerCertificateFile(join(state, "tls.pem"), names, { authority, clock: systemClock });
    this.#own = await file.current(signal, this.#own);
    return this.#own;
  }

  #say(action: "serving" | "warning", message: string): void {
    this.#parts.notify({ type: "lifecycle", action, message });
  }
}

/** @param chain PEM with which the port listens. */
function lifeOf(chain: string): Pick<ServedCertificate, "from" | "until"> {
  const { validFrom, validTo } = new X509Certificate(chain);
  return { from: Date.parse(validFrom), until: Date.parse(validTo) };
}

async function textOf(path: string): Promise<string> {
  return utf8Text(await readRegularFile(path, maxPem)) ?? "";
}

/** Writes a file whose content has changed. @throws {KeyringError} `internal` */
async function keepText(path: string, text: string): Promise<void> {
  if (await textOf(path).catch(() => undefined) === text) return;
  try {
    await replaceFile(path, utf8(text), 0o600);
  } catch (cause) {
    throw new KeyringError(
      "internal",
      `Cannot write the certificates of the authorities to ${path}: ${whyUnreadable(cause, path)}.`,
      { cause },
    );
  }
}
