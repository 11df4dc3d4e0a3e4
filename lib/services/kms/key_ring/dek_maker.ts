/**
 * Makes data keys that a quorum of providers has wrapped.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { abandoned } from "../../../base/deadline.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { type QuorumMember, requireQuorum, wrapByAll, type WrapReport } from "../../../envelope/quorum.ts";
import { newDek, taggedDek } from "../../../envelope/seal.ts";
import type { Provider } from "../../../provider/provider.ts";
import type { HealthBoard } from "../../../kek/health.ts";
import { ReadyDek } from "./ready_dek.ts";

/**
 * Milliseconds. All providers are waited for: one that is slow is worth a wait. Where nothing can be encrypted meanwhile,
 * the quorum is enough, and the others are given only a little longer.
 */
const waits = { patient: 10_000, hasty: 500 } as const;

/** What a maker is made of. */
export interface DekMakerOptions {
  readonly providers: readonly Provider[];
  /** Told what became of each wrap. */
  readonly board: HealthBoard;
  /** How many wraps a data key needs. */
  readonly needed: number;
  /** How many seeds a data key may seal. */
  readonly dekMaxUses: number;
  readonly clock: Clock;
  readonly notify: Notify;
}

/** What is wanted. */
export interface DekOrder {
  readonly keyId: string;
  readonly members: readonly QuorumMember[];
  /** The data key that it shall take the place of: it knows since when a provider lacks a wrap. */
  readonly before: ReadyDek | undefined;
  /** Whether the quorum is enough, since nothing can be encrypted until then. */
  readonly hasty: boolean;
}

/** One for a key ring. */
export class DekMaker {
  readonly #options: DekMakerOptions;

  constructor(options: DekMakerOptions) {
    this.#options = options;
  }

  /**
   * Makes one.
   *
   * @returns it, or `undefined` if `signal` fired.
   * @throws {KmsError} as {@linkcode requireQuorum}; then nothing may be sealed.
   */
  async make({ keyId, members, before, hasty }: DekOrder, signal: AbortSignal): Promise<ReadyDek | undefined> {
    const { clock, needed, notify, dekMaxUses: maxUses } = this.#options;
    const [startedAt, dek] = [clock.now(), newDek()];
    const report = await this.#wrap(dek, members, hasty, signal);
    if (signal.aborted) return void dek.fill(0);
    this.#judge(members, report);
    const wrapped = report.wraps.map(({ name }) => name);
    const lacking = this.#lacking(wrapped, before);
    const seconds = (clock.now() - startedAt) / 1000;
    const told = { type: "ready_dek", wrapped, missing: [...lacking.keys()], seconds } as const;
    try {
      requireQuorum(report, needed);
      const made = new ReadyDek({ dek, keyId, wraps: report.wraps, lacking, madeAt: clock.now(), maxUses });
      notify({ ...told, result: "ok" });
      return made;
    } catch (thrown) {
      const { code, message } = toKmsError(thrown);
      dek.fill(0);
      notify({ ...told, result: code, message });
      throw thrown;
    }
  }

  async #wrap(
    dek: Uint8Array,
    members: readonly QuorumMember[],
    hasty: boolean,
    signal: AbortSignal,
  ): Promise<WrapReport> {
    const { clock, needed } = this.#options;
    const enough = new AbortController();
    const onParent = () => enough.abort(signal.reason);
    signal.addEventListener("abort", onParent, { once: true });
    if (signal.aborted) onParent();
    using bound = deadlineBy(clock, waits.patient, enough.signal);
    let callOff = () => {};
    const onWrap = (wraps: number) => {
      if (hasty && wraps === needed) callOff = clock.after(waits.hasty, () => enough.abort(abandoned));
    };
    const tagged = taggedDek(dek, "v2");
    try {
      return await wrapByAll(tagged, members, { signal: bound.signal, left: bound.left, onWrap });
    } finally {
      tagged.fill(0);
      callOff();
      signal.removeEventListener("abort", onParent);
    }
  }

  #judge(members: readonly QuorumMember[], { failures }: WrapReport): void {
    const { board } = this.#options;
    for (const { provider: { name } } of members) {
      const error = failures.get(name);
      if (error) board.failed(name, "wrap", error);
      else board.succeeded(name, "wrap");
    }
  }

  /** Since when each provider without a wrap has been without one. */
  #lacking(wrapped: readonly string[], before: ReadyDek | undefined): Map<string, number> {
    const { clock, providers } = this.#options;
    const without = providers.filter(({ name }) => !wrapped.includes(name));
    return new Map(without.map(({ name }) => [name, before?.lacking.get(name) ?? clock.now()]));
  }
}
