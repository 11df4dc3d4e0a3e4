/**
 * The reasons for failed connections to one server, as text. If an error has several possible causes, the server's
 * certificate is read.
 *
 * @module
 */
import type { Socket } from "node:net";
import { type Clock, deadlineBy, systemClock } from "../../base/clock.ts";
import { certificateFault, nameFault } from "./certificate_fault.ts";
import { type HandshakeResult, readCertificate } from "./read_certificate.ts";
import {
  handshakeFailures,
  isHandshakeFailure,
  isUnverified,
  type NetworkCause,
  networkFailure,
} from "./network_failures.ts";

/** A server, and the settings of connections to it. */
export interface ConnectionTarget {
  /** Opens a connection without TLS. */
  readonly dial: (signal: AbortSignal) => Promise<Socket>;
  /** The DNS name or IP address that the certificate must contain. */
  readonly name: string;
  /** Whether the connection uses TLS. */
  readonly secure: boolean;
  /** CA certificates as PEM. */
  readonly ca: string | undefined;
  /** The source of the CA certificates, for messages. */
  readonly trusted: string;
  /** Whether a client certificate is configured. */
  readonly hasCertificate: boolean;
  readonly clock?: Clock;
}

/** Maximum duration of reading a certificate, in milliseconds. */
const readMs = 1_000;

/** Milliseconds for which a certificate that was read is reused while connections continue to fail. */
const reuseMs = 60_000;

/**
 * Bytes. A fatal alert without earlier messages is one record of 7 bytes; the first flight of a TLS 1.2 server has
 * hundreds.
 */
const alertBytes = 64;

/** Reads the certificate once for each period of failures, and never while connections succeed. */
export class FailedConnections {
  readonly #dialled: ConnectionTarget;
  readonly #clock: Clock;
  #look: { readonly at: number; readonly outcome: Promise<HandshakeResult | undefined> } | undefined;

  constructor(dialled: ConnectionTarget) {
    this.#dialled = dialled;
    this.#clock = dialled.clock ?? systemClock;
  }

  /** The reason as the part of a sentence after the server's name, without the full stop. It never throws. */
  async explain(cause: NetworkCause, signal: AbortSignal): Promise<string> {
    const { name, secure, hasCertificate, trusted } = this.#dialled;
    if (cause.code === "ERR_TLS_CERT_ALTNAME_INVALID") return nameFault(name, "cert" in cause ? cause.cert : undefined);
    if (isUnverified(cause)) {
      const look = await this.#certificate(signal);
      const certificate = look?.verified === true ? undefined : look?.certificate;
      return certificateFault(certificate, { source: trusted, wall: this.#clock.wall() });
    }
    if (!isHandshakeFailure(cause)) return networkFailure(cause, secure, hasCertificate);
    const look = await this.#certificate(signal);
    if (look === undefined) return handshakeFailures.unknown;
    return look.certificate === undefined && look.received <= alertBytes
      ? handshakeFailures.early
      : handshakeFailures.late;
  }

  /** Ends a period of failures. */
  succeeded(): void {
    this.#look = undefined;
  }

  async #certificate(signal: AbortSignal): Promise<HandshakeResult | undefined> {
    if (this.#look === undefined || this.#clock.now() - this.#look.at >= reuseMs) {
      this.#look = { at: this.#clock.now(), outcome: this.#readCertificate(signal) };
    }
    return await this.#look.outcome;
  }

  async #readCertificate(parent: AbortSignal): Promise<HandshakeResult | undefined> {
    const { dial, name, ca } = this.#dialled;
    using bound = deadlineBy(this.#clock, readMs, parent);
    const look = await readCertificate({ dial, name, ca, signal: bound.signal }).catch(() => undefined);
    // The caller's deadline ended the attempt; the next failure tries again.
    if (look === undefined && parent.aborted) this.#look = undefined;
    return look;
  }
}
