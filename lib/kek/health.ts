/**
 * The health of each provider, from its probes and from real calls.
 *
 * @module
 */
import { effectiveCode, type ErrorCode, errorCodes, type KmsError } from "../base/errors.ts";
import type { HealthState, Notify, ProviderVerb } from "../telemetry/events.ts";

/** One provider's health. Times are moments of `Clock.now`. */
export interface Health {
  readonly state: HealthState;
  readonly since: number;
  readonly code: ErrorCode | "ok";
  readonly message: string;
  readonly lastGoodAt: number | undefined;
}

/** A provider on the board. */
export interface BoardEntry {
  readonly name: string;
  readonly kind: string;
  /**
   * Whether it is probed at an interval in every state. If it is not, only its calls show the end of an outage: then any
   * successful call ends one.
   */
  readonly probed: boolean;
}

interface ProviderRecord extends BoardEntry {
  health: Health;
  /** The failure that only a successful wrap clears: a successful probe does not show that a wrap is permitted again. */
  wrapError: KmsError | undefined;
  callError: KmsError | undefined;
  /** When the last failure that counts was recorded. */
  failedAt: number;
}

/** The health of all providers. Each change of a state is one event. */
export class HealthBoard {
  readonly #records = new Map<string, ProviderRecord>();
  readonly #notify: Notify;
  readonly #now: () => number;
  #onChange: (name: string) => void = () => {};

  constructor(entries: readonly BoardEntry[], now: () => number, notify: Notify) {
    this.#now = now;
    this.#notify = notify;
    for (const { name, kind, probed } of entries) {
      const health: Health = {
        state: "unknown",
        since: now(),
        code: "ok",
        message: "not asked yet",
        lastGoodAt: undefined,
      };
      this.#records.set(name, {
        name,
        kind,
        probed,
        health,
        wrapError: undefined,
        callError: undefined,
        failedAt: -Infinity,
      });
    }
  }

  /** Calls back after each change of a provider's state. A second listener replaces the first. */
  onChange(listener: (name: string) => void): void {
    this.#onChange = listener;
  }

  /** The time of the board. */
  now(): number {
    return this.#now();
  }

  /** The health of a provider. */
  of(name: string): Health {
    const record = this.#records.get(name);
    if (!record) throw new RangeError(`no provider ${name}`);
    return record.health;
  }

  /**
   * Records a call that succeeded. One that began before the last failure does not end it: its answer is older.
   *
   * @param begunAt when the call began.
   */
  succeeded(name: string, verb: ProviderVerb, begunAt: number = this.#now()): void {
    const record = this.#records.get(name);
    if (!record) return;
    record.health = { ...record.health, lastGoodAt: this.#now() };
    if (begunAt < record.failedAt) return;
    // It does not show that the key may wrap: of a provider that is probed, the next probe decides.
    if (verb === "unwrap" && record.probed) return;
    record.callError = undefined;
    if (verb === "wrap") record.wrapError = undefined;
    this.#settle(record);
  }

  /** Records a call that failed. `errorCodes` decides whether that makes the provider sick. */
  failed(name: string, verb: ProviderVerb, error: KmsError): void {
    const record = this.#records.get(name);
    if (!record) return;
    const { sick, refusal } = errorCodes[effectiveCode(error)];
    if (sick === "no" || (sick === "probe-or-wrap" && verb === "unwrap")) return this.#noteUnknown(record, error);
    record.failedAt = this.#now();
    if (verb === "wrap" && (record.probed || refusal)) record.wrapError = error;
    else record.callError = error;
    this.#settle(record);
  }

  /**
   * Records that the KMS answered a call, though without success: of a provider that is not probed this ends an outage,
   * as {@linkcode HealthBoard.succeeded} does, and is no success.
   */
  reached(name: string, begunAt: number): void {
    const record = this.#records.get(name);
    if (!record || record.probed || begunAt < record.failedAt) return;
    record.callError = undefined;
    this.#settle(record);
  }

  /** Keeps the reason of a failure that does not make a provider sick until its first success. */
  #noteUnknown(record: ProviderRecord, error: KmsError): void {
    if (record.health.state === "unknown") record.health = { ...record.health, message: error.message };
  }

  #settle(record: ProviderRecord): void {
    const { name, kind, health: before, callError, wrapError } = record;
    const error = callError ?? wrapError;
    const code = error ? effectiveCode(error) : "ok";
    const state: HealthState = code === "ok" ? "well" : errorCodes[code].refusal ? "refusing" : "sick";
    const since = state === before.state ? before.since : this.#now();
    const message = error?.message ?? "";
    record.health = { ...before, state, since, code, message };
    if (state === before.state) return;
    this.#notify({
      type: "provider_health",
      provider: name,
      kind,
      from: before.state,
      to: state,
      result: code,
      message,
    });
    this.#onChange(name);
  }
}
