/**
 * Counts refused requests without an identity, so that somebody who sends many of them cannot fill the audit.
 *
 * @module
 */
import type { KeyringAuditEntry } from "../../../api/keyring/audit_format.ts";
import { rfc3339 } from "../../../base/clock.ts";
import { cutText } from "./entry_fields.ts";

/** The fields of a line of the kind `denied`. */
export interface DeniedFields {
  /** Of the client; {@linkcode otherAddresses} for all addresses above the limit. */
  readonly address: string;
  readonly count: number;
  /** Time of the first request, RFC 3339. */
  readonly from: string;
  /** Of the first request. */
  readonly action: string;
  readonly result: KeyringAuditEntry["result"];
}

/** A request of which no identity is known. */
export type Denial = Pick<KeyringAuditEntry, "action" | "result">;

/** Maximum number of addresses that are counted apart. */
export const maxDeniedAddresses = 256;

/** Stands for the addresses above the limit. */
export const otherAddresses = "other addresses";

const windowMs = 60_000;

interface Window {
  readonly since: number;
  readonly fields: DeniedFields;
}

/** The windows of one minute that are open. */
export class DenialCounter {
  readonly #windows = new Map<string, Window>();

  /** @param at milliseconds, monotonic. @param wall milliseconds since the epoch. */
  add(address: string, { action, result }: Denial, at: number, wall: number): void {
    const shown = cutText(address);
    const isKnown = this.#windows.has(shown) || this.#windows.size < maxDeniedAddresses;
    const key = isKnown ? shown : otherAddresses;
    const { since, fields } = this.#windows.get(key) ??
      { since: at, fields: { address: key, count: 0, from: rfc3339(wall) ?? "", action: cutText(action), result } };
    this.#windows.set(key, { since, fields: { ...fields, count: fields.count + 1 } });
  }

  /** Removes the windows that are over and returns their lines. @param at as for `add`; `Infinity` for all. */
  take(at: number): readonly DeniedFields[] {
    const over = [...this.#windows].filter(([, { since }]) => at - since >= windowMs);
    for (const [key] of over) this.#windows.delete(key);
    return over.map(([, { fields }]) => fields);
  }
}
