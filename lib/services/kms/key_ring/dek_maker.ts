/**
 * Makes data keys that a quorum of providers has wrapped.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import type { QuorumMember } from "../../../envelope/quorum.ts";
import { newDek } from "../../../envelope/seal.ts";
import type { KekGroup } from "../../../kek/kek_group.ts";
import { ReadyDek } from "./ready_dek.ts";

/** Options of a {@linkcode DekMaker}. */
export interface DekMakerOptions {
  readonly group: KekGroup;
  /** How many seeds a data key may seal. */
  readonly dekMaxUses: number;
  readonly clock: Clock;
}

/** The parameters of one data key. */
export interface DekOrder {
  /** The key ID that the data key seals under. */
  readonly keyId: string;
  readonly members: readonly QuorumMember[];
  /** The data key that it replaces. It has the times at which providers first lacked a wrap. */
  readonly before: ReadyDek | undefined;
  /** Whether to wait for the quorum only and not for all providers, because no data key is ready. */
  readonly hasty: boolean;
}

/** Makes the data keys of one key ring. */
export class DekMaker {
  readonly #options: DekMakerOptions;

  constructor(options: DekMakerOptions) {
    this.#options = options;
  }

  /**
   * Makes a data key and has it wrapped.
   *
   * @returns the data key; `undefined` if `signal` fired.
   * @throws {KmsError} as {@linkcode KekGroup.wrap}. The data key is wiped then.
   */
  async make({ keyId, members, before, hasty }: DekOrder, signal: AbortSignal): Promise<ReadyDek | undefined> {
    const { group, clock, dekMaxUses: maxUses } = this.#options;
    const [dek, { needed }] = [newDek(), group];
    // A provider that has never answered is not a member. It is still reported as missing.
    const expected = group.providers.map(({ name }) => name);
    try {
      const wraps = await group.wrap({ dek, purpose: "v2", members, needed, hasty, expected }, signal);
      const lacking = this.#lacking(wraps.map(({ name }) => name), before);
      return new ReadyDek({ dek, keyId, wraps, lacking, madeAt: clock.now(), maxUses });
    } catch (thrown) {
      dek.fill(0);
      if (signal.aborted) return undefined;
      throw thrown;
    }
  }

  /** The providers without a wrap, and when each of them first lacked one. */
  #lacking(wrapped: readonly string[], before: ReadyDek | undefined): Map<string, number> {
    const { clock, group } = this.#options;
    const without = group.providers.filter(({ name }) => !wrapped.includes(name));
    return new Map(without.map(({ name }) => [name, before?.lacking.get(name) ?? clock.now()]));
  }
}
