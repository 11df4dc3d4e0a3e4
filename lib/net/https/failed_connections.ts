/**
 * Why connections to one server fail, in words. If the error has several possible causes, its certificate is read.
 *
 * @module
 */
import type { Socket } from "node:net";
import { type Clock, systemClock } from "../../base/clock.ts";
import { deadline } from "../../base/deadline.ts";
import { certificateFault, nameFault } from "./certificate_fault.ts";
import { type CertificateLook, lookAtCertificate } from "./certificate_look.ts";
import {
  handshakeFailures,
  isHandshakeFailure,
  isUnverified,
  type NetworkCause,
  networkFailure,
} from "./network_failures.ts";

/** One server, and the settings of connections to it. */
export interface Dialled {
  /** Opens a connection to it, without TLS. */
  readonly dial: (signal: AbortSignal) => Promise<Socket>;
  /** The name or the IP address that its certificate is held to. */
  readonly name: string;
  readonly secure: boolean;
  readonly ca: string | undefined;
  /** Where the authorities come from. */
  readonly trusted: string;
  /** Whether a client certificate is at hand. */
  readonly hasCertificate: boolean;
  readonly clock?: Clock;
}

/** Milliseconds for one look. */
const lookMs = 1_000;

/** How long the outcome of a look holds while connections go on failing, in milliseconds. */
const holdsMs = 60_000;

/** Alerts before anything else are one record of 7 bytes; a server's first flight of TLS 1.2 has hundreds. */
const alertBytes = 64;

/** Looks once for each period of failures, and never while connections succeed. */
export class FailedConnections {
  readonly #dialled: Dialled;
  readonly #clock: Clock;
  #look: { readonly at: number; readonly outcome: Promise<CertificateLook | undefined> } | undefined;

  constructor(dialled: Dialled) {
    this.#dialled = dialled;
    this.#clock = dialled.clock ?? systemClock;
  }

  /** The part of a sentence after the server's name, without the full stop. It never throws. */
  async explain(cause: NetworkCause, signal: AbortSignal): Promise<string> {
    const { name, secure, hasCertificate, trusted } = this.#dialled;
    if (cause.code === "ERR_TLS_CERT_ALTNAME_INVALID") return nameFault(name, "cert" in cause ? cause.cert : undefined);
    if (isUnverified(cause)) {
      const look = await this.#looked(signal);
      const certificate = look?.verified === true ? undefined : look?.certificate;
      return certificateFault(certificate, { source: trusted, wall: this.#clock.wall() });
    }
    if (!isHandshakeFailure(cause)) return networkFailure(cause, secure, hasCertificate);
    const look = await this.#looked(signal);
    if (look === undefined) return handshakeFailures.unknown;
    return look.certificate === undefined && look.received <= alertBytes
      ? handshakeFailures.early
      : handshakeFailures.late;
  }

  /** Ends a period of failures. */
  succeeded(): void {
    this.#look = undefined;
  }

  async #looked(signal: AbortSignal): Promise<CertificateLook | undefined> {
    if (this.#look === undefined || this.#clock.now() - this.#look.at >= holdsMs) {
      this.#look = { at: this.#clock.now(), outcome: this.#lookOnce(signal) };
    }
    return await this.#look.outcome;
  }

  async #lookOnce(parent: AbortSignal): Promise<CertificateLook | undefined> {
    const { dial, name, ca } = this.#dialled;
    using bound = deadline(lookMs, parent);
    const look = await lookAtCertificate({ dial, name, ca, signal: bound.signal }).catch(() => undefined);
    // The caller's time was up: the next failure looks again.
    if (look === undefined && parent.aborted) this.#look = undefined;
    return look;
  }
}
