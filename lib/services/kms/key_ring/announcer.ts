/**
 * The announced key ID, and the time at which the next one replaces it.
 *
 * kube-apiserver calls Status and then Encrypt under one lock, and rejects an Encrypt response whose key ID differs from
 * that of the Status. An ID therefore changes only in a pause between two Status calls. It is written to the state folder
 * first, so that the node has a record of every ID that it has used.
 *
 * @module
 */
import { type Clock, WallTimes } from "../../../base/clock.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { Notify } from "../../../telemetry/events.ts";
import type { KeyState } from "../../../provider/provider.ts";
import { type KeyIdMember, unseenVersion } from "./key_id.ts";
import type { RingMemory } from "./memory.ts";
import type { WrapSet } from "./wrap_sets.ts";
import type { AnnouncedId } from "./state.ts";

/**
 * Milliseconds. `quiet`: the pause after a Status before a change. kube-apiserver's deadline for an RPC is 3 s, so that
 * the Encrypt that follows the Status has ended by then. `latest`: the change is made this long after the data key is
 * ready even without a pause. `retry`: the pause after a failed write.
 */
const announceTimings = { quiet: 4_000, latest: 30_000, retry: 10_000 } as const;

/** The next key ID to announce. Its data key has been wrapped by the quorum. */
export interface Candidate {
  readonly id: string;
  /** When its data key was made, in milliseconds of the monotonic clock. */
  readonly since: number;
  readonly keyEpoch: number;
  readonly members: readonly KeyIdMember[];
  /** The counted versions, which are stored for the next run of this node. */
  readonly states: readonly { readonly name: string; readonly kind: string; readonly state: KeyState }[];
  /** The providers that have wrapped the data key. */
  readonly holders: WrapSet;
}

/** The announced key ID and those before it. */
export class Announcer {
  readonly #clock: Clock;
  readonly #memory: RingMemory;
  readonly #notify: Notify;
  /** The announced IDs, oldest first. The file can hold one more: an ID that was no longer due once it was written. */
  #history: readonly AnnouncedId[];
  #current: AnnouncedId | undefined;
  readonly #times: WallTimes;
  /** The time of the announcement on the monotonic clock; `undefined` if a former run announced the ID. */
  #announcedAt: number | undefined;
  #lastStatusAt = -Infinity;
  #refusedUntil = -Infinity;

  constructor(clock: Clock, memory: RingMemory, notify: Notify) {
    this.#clock = clock;
    this.#times = new WallTimes(clock);
    this.#memory = memory;
    this.#notify = notify;
    this.#history = memory.history;
    this.#current = this.#history.at(-1);
  }

  /** The announced key ID; `undefined` if none is known. */
  get current(): AnnouncedId | undefined {
    return this.#current;
  }

  /**
   * The time of the announcement, in milliseconds since the epoch, by the present wall clock. For an ID of a former run it
   * is the stored time.
   */
  get announcedAt(): number | undefined {
    return this.#announcedAt === undefined ? this.#current?.at : this.#times.of(this.#announcedAt);
  }

  /** Notes that a Status is answered now: an Encrypt can follow it, and needs the same ID. */
  noteStatus(): void {
    this.#lastStatusAt = this.#clock.now();
  }

  /** The earliest time to announce the candidate, in milliseconds of the monotonic clock. */
  dueAt(candidate: Candidate): number {
    if (!this.#current) return this.#refusedUntil;
    const { quiet, latest } = announceTimings;
    return Math.max(this.#refusedUntil, Math.min(this.#lastStatusAt + quiet, candidate.since + latest));
  }

  /**
   * Writes the candidate to the state folder, then announces it if it is still due and `stillWanted()`. A failed write is
   * a warning, and the ID stays.
   *
   * @param commit called synchronously with the change of the ID; not called if the ID stays.
   */
  async announce(candidate: Candidate, stillWanted: () => boolean, commit: () => void): Promise<void> {
    const announced = this.#announcedFrom(candidate);
    const history = [...this.#history, announced];
    try {
      await this.#memory.announcing(history, candidate.states, candidate.holders);
    } catch (thrown) {
      this.#refusedUntil = this.#clock.now() + announceTimings.retry;
      const message = `${toKmsError(thrown).message} The key ID stays as it is until that is mended.`;
      return this.#notify({ type: "lifecycle", action: "warning", message });
    }
    // If a Status was answered while the file was written, its Encrypt still needs the old ID.
    if (!stillWanted() || this.dueAt(candidate) > this.#clock.now()) return;
    const before = this.#current;
    this.#history = history;
    this.#current = announced;
    this.#announcedAt = this.#clock.now();
    commit();
    const { id: to, provisional } = announced;
    this.#notify({ type: "key_id", from: before?.id, to, provisional, reason: whatChanged(before, announced) });
  }

  #announcedFrom({ id, keyEpoch, members }: Candidate): AnnouncedId {
    const provisional = members.some(({ version }) => version === unseenVersion);
    return { id, at: this.#times.now(), keyEpoch, provisional, members };
  }
}

function whatChanged(before: AnnouncedId | undefined, after: AnnouncedId): string {
  if (!before) return "first start on this node";
  const same = (a: KeyIdMember) => (b: KeyIdMember) =>
    a.name === b.name && a.kind === b.kind && a.version === b.version;
  const changed = after.members.filter((member) => !before.members.some(same(member)));
  const gone = before.members.filter(({ name }) => !after.members.some((member) => member.name === name));
  const names = [...changed, ...gone].map(({ name }) => name);
  return names.length > 0 ? `changed: ${names.join(", ")}` : "the key epoch was changed";
}
