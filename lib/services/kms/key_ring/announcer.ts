/**
 * Which key ID is announced, and when the next one may take its place.
 *
 * kube-apiserver asks for Status and then Encrypt under one lock and throws an Encrypt away whose key ID is not the one
 * of that Status. So an ID changes only in a pause between two Status answers, and only after it has been written to the
 * state folder, so that this node never forgets an ID it has used.
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

/** Milliseconds. The API server's deadline for an RPC is 3 s: 4 s after a Status no Encrypt of it can be under way. */
const announceTimings = { quiet: 4_000, latest: 30_000, retry: 10_000 } as const;

/** A key ID whose data key is ready. */
export interface Candidate {
  readonly id: string;
  /** Since when it is ready, on the monotonic clock. */
  readonly since: number;
  readonly keyEpoch: number;
  readonly members: readonly KeyIdMember[];
  /** The versions behind the members, for the next run of this node. */
  readonly states: readonly { readonly name: string; readonly kind: string; readonly state: KeyState }[];
  /** Who has wrapped the data key. */
  readonly holders: WrapSet;
}

/** Holds the announced ID and its history. */
export class Announcer {
  readonly #clock: Clock;
  readonly #memory: RingMemory;
  readonly #notify: Notify;
  /** What was announced; the file may hold one more, whose time had passed when it was written. */
  #history: readonly AnnouncedId[];
  #current: AnnouncedId | undefined;
  readonly #times: WallTimes;
  /** When this process announced it, on the monotonic clock; `undefined` for an ID of a former run. */
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

  /** What Status answers now. */
  get current(): AnnouncedId | undefined {
    return this.#current;
  }

  /** When it was announced, by the wall clock of now; of an ID of a former run, by the one of then. */
  get announcedAt(): number | undefined {
    return this.#announcedAt === undefined ? this.#current?.at : this.#times.of(this.#announcedAt);
  }

  /** A Status is being answered: the Encrypt that may follow needs the same ID. */
  noteStatus(): void {
    this.#lastStatusAt = this.#clock.now();
  }

  /** From when on the candidate may be announced, on the monotonic clock. */
  dueAt(candidate: Candidate): number {
    if (!this.#current) return this.#refusedUntil;
    const { quiet, latest } = announceTimings;
    return Math.max(this.#refusedUntil, Math.min(this.#lastStatusAt + quiet, candidate.since + latest));
  }

  /**
   * Writes the candidate down and announces it, if it is still due and still wanted then.
   *
   * @param commit called in the same step in which the ID changes, if it does.
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
    // A Status may have been answered while the file was written; its Encrypt still needs the old ID.
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
