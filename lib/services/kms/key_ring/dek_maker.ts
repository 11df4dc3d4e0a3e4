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

/** The data key that is wanted. */
export interface DekOrder {
  readonly keyId: string;
  readonly members: readonly QuorumMember[];
  /** The data key that it replaces, which has the times since when providers lack a wrap. */
  readonly before: ReadyDek | undefined;
  /** Whether the quorum is enough, because nothing can be encrypted until then. */
  readonly hasty: boolean;
}

/** One for a key ring. */
export class DekMaker {
  readonly #options: DekMakerOptions;

  constructor(options: DekMakerOptions) {
    this.#options = options;
  }

  /**
   * Makes a data key.
   *
   * @returns `undefined` if `signal` fired.
   * @throws {KmsError} as {@linkcode KekGroup.wrap}; then nothing may be sealed.
   */
  async make({ keyId, members, before, hasty }: DekOrder, signal: AbortSignal): Promise<ReadyDek | undefined> {
    const { group, clock, dekMaxUses: maxUses } = this.#options;
    const [dek, { needed }] = [newDek(), group];
    // A provider that has never answered is no member, and is reported as missing all the same.
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

  /** When each provider without a wrap first lacked one. */
  #lacking(wrapped: readonly string[], before: ReadyDek | undefined): Map<string, number> {
    const { clock, group } = this.#options;
    const without = group.providers.filter(({ name }) => !wrapped.includes(name));
    return new Map(without.map(({ name }) => [name, before?.lacking.get(name) ?? clock.now()]));
  }
}
