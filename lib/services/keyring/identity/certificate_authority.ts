/**
 * The certificate authorities of a store. Their keys are in one sealed record.
 *
 * @module
 */
import * as z from "zod/mini";
import { hex, utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RecordReader, RecordStore } from "../records/records.ts";
import {
  makeAuthority,
  makeClientCertificate,
  makeServerCertificate,
  type SigningCertificate,
  type Validity,
} from "./certificates.ts";
import { lifetimes } from "./lifetimes.ts";

/** One authority. */
interface AuthorityRow extends SigningCertificate {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  /** When certificates of it are trusted no longer: `until`, or 90 days after its successor was made. */
  readonly retiredAt: number;
}

/** The newest authority is the last one. */
interface AuthoritiesRecord {
  readonly authorities: readonly AuthorityRow[];
}

const codec = jsonCodec<AuthoritiesRecord>(
  "meta",
  z.strictObject({
    authorities: z.array(
      z.strictObject({ certificate: z.string(), key: z.string(), from: z.int(), until: z.int(), retiredAt: z.int() }),
    ).check(z.minLength(1)),
  }),
);

const rowKey = utf8("authorities");

/** A signed certificate. */
export interface SignedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** A key and certificate for a TLS server. */
export interface ServerCertificate {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** PEM: the certificate, then that of its authority. */
  readonly chain: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Signs certificates of servers and people. The first use makes the first authority. */
export class CertificateAuthority {
  readonly #store: RecordStore;
  readonly #clock: Clock;

  constructor(parts: { readonly store: RecordStore; readonly clock: Clock }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /** PEM of every authority that is trusted, the newest first: for the listener and for clients. */
  async trusted(signal: AbortSignal): Promise<string> {
    return bundleOf(await this.#trustedRows(signal));
  }

  /**
   * A certificate for this server, 90 days. Its authority is the oldest one that is trusted for at least 30 days more, so
   * that clients have time to learn a new one.
   *
   * @param names DNS names and IP addresses, at least one.
   */
  async serverCertificate(names: readonly string[], signal: AbortSignal): Promise<ServerCertificate> {
    const now = this.#clock.wall();
    const rows = await this.#trustedRows(signal);
    const authority = rows.findLast(({ retiredAt }) => retiredAt - now > lifetimes.serverRenewal) ?? newest(rows);
    const validity = validityOf(now, lifetimes.serverCertificate, authority.retiredAt);
    const { key, certificate } = await makeServerCertificate(authority, names, validity);
    return { key, chain: certificate + authority.certificate, notAfter: validity.until };
  }

  /**
   * A certificate for a person, at most a week, by the newest authority.
   *
   * @param until milliseconds since the epoch; the certificate does not last longer.
   */
  async clientCertificate(
    subject: { readonly commonName: string; readonly enrolmentId: string; readonly publicKey: Uint8Array },
    until: number,
    signal: AbortSignal,
  ): Promise<SignedCertificate> {
    const authority = newest(await this.#trustedRows(signal));
    const { commonName, enrolmentId, publicKey } = subject;
    const validity = validityOf(
      this.#clock.wall(),
      lifetimes.clientCertificate,
      Math.min(until, authority.retiredAt),
    );
    const uri = enrolmentUri(this.#store.storeId, enrolmentId);
    const certificate = await makeClientCertificate(authority, { commonName, uri, publicKey }, validity);
    return { certificate, notAfter: validity.until };
  }

  /**
   * Makes a new authority. The old ones are trusted for 90 days more.
   *
   * @returns PEM of every authority that is trusted, the newest first.
   */
  async rotate(signal: AbortSignal): Promise<string> {
    const made = await this.#newRow();
    const rows = await this.#store.transaction(async (tx) => {
      const old = await this.#stored(tx);
      const retiredAt = Math.round(this.#clock.wall()) + lifetimes.retiringAuthority;
      const authorities = [...old.map((row) => ({ ...row, retiredAt: Math.min(row.retiredAt, retiredAt) })), made];
      tx.put(codec, rowKey, { authorities });
      return this.#trustedOf(authorities);
    }, signal);
    return bundleOf(rows);
  }

  /** Trusted authorities, the newest first. */
  async #trustedRows(signal: AbortSignal): Promise<readonly AuthorityRow[]> {
    const found = this.#trustedOf(await this.#stored(this.#store.reader(signal)));
    return found.length > 0 ? found : await this.#create(signal);
  }

  /** Makes the first authority, unless another server was first. */
  async #create(signal: AbortSignal): Promise<readonly AuthorityRow[]> {
    const made = await this.#newRow();
    return await this.#store.transaction(async (tx) => {
      const found = this.#trustedOf(await this.#stored(tx));
      if (found.length > 0) return found;
      tx.put(codec, rowKey, { authorities: [made] });
      return [made];
    }, signal);
  }

  async #newRow(): Promise<AuthorityRow> {
    const now = Math.round(this.#clock.wall());
    const validity = { from: now - lifetimes.backdated, until: now + lifetimes.authority };
    const name = `Trousseau keyring ${hex(this.#store.storeId).slice(0, 16)} ${rfc3339Day(now)}`;
    return { ...await makeAuthority(name, validity), ...validity, retiredAt: validity.until };
  }

  async #stored(reader: RecordReader): Promise<readonly AuthorityRow[]> {
    const record = await reader.get(codec, rowKey);
    return this.#trustedOf(record?.value.authorities ?? []).toReversed();
  }

  #trustedOf(rows: readonly AuthorityRow[]): readonly AuthorityRow[] {
    return rows.filter(({ retiredAt }) => retiredAt > this.#clock.wall()).toReversed();
  }
}

/** The certificates of a text, each in PEM with its line feed. */
export function certificatesIn(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/g) ?? [];
}

/** The one name of a client certificate. */
export function enrolmentUri(storeId: Uint8Array, enrolmentId: string): string {
  return `trousseau://${hex(storeId)}/enrolments/${enrolmentId}`;
}

function validityOf(now: number, lifetimeMs: number, latest: number): Validity {
  const from = now - lifetimes.backdated;
  // Certificates have whole seconds.
  return { from, until: Math.floor(Math.min(now + lifetimeMs, latest) / 1000) * 1000 };
}

function newest(rows: readonly AuthorityRow[]): AuthorityRow {
  const [first] = rows;
  if (first === undefined) throw new Error("at least one authority is trusted");
  return first;
}

function bundleOf(rows: readonly AuthorityRow[]): string {
  return rows.map(({ certificate }) => certificate).join("");
}

function rfc3339Day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
