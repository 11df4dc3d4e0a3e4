/**
 * How each provider is, judged by its probes and by real calls.
 *
 * @module
 */
import { effectiveCode, type ErrorCode, errorCodes, type KmsError } from "../errors.ts";
import type { HealthState, Notify, ProviderVerb } from "../events.ts";

/** One provider's health. Times are moments of `Clock.now`. */
export interface Health {
  readonly state: HealthState;
  readonly since: number;
  readonly code: ErrorCode | "ok";
  readonly message: string;
  readonly lastGoodAt: number | undefined;
}

interface Record {
  readonly kind: string;
  /** Whether it is only ever asked to unwrap, so that a good unwrap is all there will be to show that it is well. */
  readonly retired: boolean;
  health: Health;
  /** Kept apart: a good probe says nothing about a wrap that was refused, so only a good wrap takes this away. */
  wrapError: KmsError | undefined;
  callError: KmsError | undefined;
}

/** The health of all providers. A change of state is told once. */
export class HealthBoard {
  readonly #records = new Map<string, Record>();
  readonly #notify: Notify;
  readonly #now: () => number;
  #onChange: (name: string) => void = () => {};

  constructor(
    providers: readonly { name: string; kind: string }[],
    now: () => number,
    notify: Notify,
    retired: readonly { name: string; kind: string }[] = [],
  ) {
    this.#now = now;
    this.#notify = notify;
    for (const { name, kind } of [...providers, ...retired]) {
      const health: Health = {
        state: "unknown",
        since: now(),
        code: "ok",
        message: "not asked yet",
        lastGoodAt: undefined,
      };
      const isRetired = retired.some((one) => one.name === name);
      this.#records.set(name, { kind, retired: isRetired, health, wrapError: undefined, callError: undefined });
    }
  }

  /** Calls back at each change of a provider's state. There is one listener: the key ring. */
  onChange(listener: (name: string) => void): void {
    this.#onChange = listener;
  }

  /** How a provider is now. */
  of(name: string): Health {
    const record = this.#records.get(name);
    if (!record) throw new RangeError(`no provider ${name}`);
    return record.health;
  }

  /** A call that succeeded. A good unwrap shows that the KMS is there, but only a probe or a wrap clears an old error. */
  succeeded(name: string, verb: ProviderVerb): void {
    const record = this.#records.get(name);
    if (!record) return;
    record.health = { ...record.health, lastGoodAt: this.#now() };
    if (verb === "unwrap" && !record.retired) return;
    record.callError = undefined;
    if (verb === "wrap") record.wrapError = undefined;
    this.#settle(name, record);
  }

  /** A call that failed; whether that makes the provider sick is in the table of codes. */
  failed(name: string, verb: ProviderVerb, error: KmsError): void {
    const record = this.#records.get(name);
    if (!record) return;
    const rule = errorCodes[effectiveCode(error)].sick;
    if (rule === "no" || (rule === "probe-or-wrap" && verb === "unwrap")) return this.#noteUnknown(record, error);
    if (verb === "wrap") record.wrapError = error;
    else record.callError = error;
    this.#settle(name, record);
  }

  /** Until the first good answer the reason is worth knowing even where it does not make the provider sick. */
  #noteUnknown(record: Record, error: KmsError): void {
    if (record.health.state === "unknown") record.health = { ...record.health, message: error.message };
  }

  #settle(name: string, record: Record): void {
    const error = record.callError ?? record.wrapError;
    const before = record.health;
    const code = error ? effectiveCode(error) : "ok";
    const state: HealthState = code === "ok" ? "well" : errorCodes[code].refusal ? "refusing" : "sick";
    const message = error?.message ?? "";
    const since = state === before.state ? before.since : this.#now();
    record.health = { ...before, state, since, code, message };
    if (state === before.state) return;
    const { kind } = record;
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
