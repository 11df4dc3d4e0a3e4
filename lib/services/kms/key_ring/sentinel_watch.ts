/**
 * Keeps a sentinel for each version that a node seals with, and tests them in the background.
 *
 * @module
 */
import { deadlineBy, WallTimes } from "../../../base/clock.ts";
import { backoff, orAborted } from "../../../base/deadline.ts";
import type { Unwrapper } from "../../../envelope/unwrap.ts";
import { effectiveCode, type ErrorCode, type KmsError, toKmsError } from "../../../base/errors.ts";
import type { SealedVersionStatus } from "../status.ts";
import { WakeSignal } from "../../../base/wake_signal.ts";
import { forgottenVersions } from "./forgotten.ts";
import type { KeyIdMember } from "./key_id.ts";
import type { Decryptors, WrapSet } from "./wrap_sets.ts";
import type { ReadyDek } from "./ready_dek.ts";
import { hasHolder, knownVersions, lossSentence, sealedVersions } from "./sealed_versions.ts";
import { SentinelBook, type SentinelBookOptions } from "./sentinel_book.ts";
import { idOf, isLoss, makeSentinel, openSentinel, type SealedVersion, type Sentinel } from "./sentinel.ts";
import type { AnnouncedId } from "./state.ts";

/**
 * Milliseconds. Each version is tested once a day; those of the announced key ID also when the process starts and when
 * another key ID replaces it; one that is refused or whose KMS is away, after a growing pause. `perDay` is a number of
 * tests for each provider: with 1,152 probes it leaves room for logins below 1,440 calls a day.
 */
export const sentinelTimings = {
  every: 86_400_000,
  gap: 60_000,
  deadline: 5_000,
  confirm: 10_000,
  firstRetry: 60_000,
  lastRetry: 900_000,
  lastOutageRetry: 3_600_000,
  perDay: 96,
} as const;

/** Options of a {@linkcode SentinelWatch}. */
export interface SentinelWatchOptions extends SentinelBookOptions {
  readonly decryptors: Decryptors;
  /** The provider that can unwrap wraps with a name. */
  readonly unwrapperOf: (name: string) => Unwrapper | undefined;
  /** The sets of providers that have wrapped together. */
  readonly wrapSets: () => readonly WrapSet[];
}

/** The state of a sentinel in this process. */
interface Plan {
  /** Whether it is tested before those that are due. */
  urgent: boolean;
  /** Whether a refusal means a loss: data that its version sealed cannot have been rewritten yet. */
  fresh: boolean;
  /** Tests in a row that did not open it. */
  failures: number;
  /** When it is tested again after such a test, on the monotonic clock. */
  retryAt: number | undefined;
  /** The last test: its stored wall time, its time on the monotonic clock, and whether this process made it. */
  tested: { readonly stored: number; readonly moment: number; readonly here: boolean } | undefined;
  /** Why the last test had no result; `at` is on the monotonic clock. */
  failure: { readonly at: number; readonly code: ErrorCode; readonly message: string } | undefined;
  /** Whether a warning of its loss was logged. */
  warned: boolean;
}

/** Keeps and tests the sentinels of one key ring. */
export class SentinelWatch implements AsyncDisposable {
  readonly #options: SentinelWatchOptions;
  readonly #book: SentinelBook;
  readonly #plans = new Map<string, Plan>();
  readonly #closing = new AbortController();
  readonly #wakeSignal = new WakeSignal();
  readonly #times: WallTimes;
  #announced: readonly KeyIdMember[] | undefined;
  #history: readonly AnnouncedId[] = [];
  #statuses: readonly SealedVersionStatus[] = [];
  /** The wall time of the monotonic clock's origin when `#statuses` was made. */
  #origin = 0;
  #running: Promise<void> | undefined;

  /** Reads the stored sentinels. If they cannot be read, a warning is logged. */
  static async open(options: SentinelWatchOptions): Promise<SentinelWatch> {
    return new SentinelWatch(options, await SentinelBook.open(options));
  }

  private constructor(options: SentinelWatchOptions, book: SentinelBook) {
    this.#options = options;
    this.#book = book;
    this.#times = new WallTimes(options.clock);
  }

  /** The status of each version, from memory. */
  get statuses(): readonly SealedVersionStatus[] {
    // A step of the wall clock moves the times of this process' tests.
    if (this.#times.of(0) !== this.#origin) this.#refresh();
    return this.#statuses;
  }

  /** Starts the tests. Called once the socket is served, so that they do not delay the start. */
  start(): void {
    this.#running ??= this.#run(this.#closing.signal);
  }

  /**
   * Sets the announced key ID. Its versions are tested when the process starts, and once more when another key ID replaces
   * it: the data that they sealed has not been rewritten then.
   */
  announced(members: readonly KeyIdMember[], history: readonly AnnouncedId[]): void {
    const [before, now] = [this.#announced, members.map(versionOf).map(idOf)];
    this.#announced = members;
    this.#history = history;
    const soon = before ? before.map(versionOf).map(idOf).filter((id) => !now.includes(id)) : now;
    for (const id of soon) Object.assign(this.#plan(id), { urgent: true, fresh: true });
    if (soon.length > 0) this.#wakeSignal.wake();
    this.#refresh();
  }

  /**
   * Keeps a sentinel for each version that a data key is wrapped under and that has none. If it cannot be written, a
   * warning says so, and it is tried again with a later data key.
   *
   * @param kinds of the providers that can unwrap, by name: a wrap of another one could never be tested.
   */
  async keep(dek: ReadyDek, kinds: ReadonlyMap<string, string>): Promise<void> {
    const added = dek.wraps.flatMap((wrap) => {
      const kind = kinds.get(wrap.name);
      if (kind === undefined) return [];
      return this.#book.has({ provider: wrap.name, kind, version: wrap.version }) ? [] : [{ wrap, kind }];
    });
    if (added.length > 0) {
      const plain = dek.copyOfDek();
      for (const { wrap, kind } of added) {
        const sentinel = makeSentinel(plain, wrap, kind, dek.keyId, this.#times.now());
        this.#book.put(sentinel);
        this.#testedNow(sentinel);
      }
      plain.fill(0);
    }
    if (added.length === 0 && !this.#book.wantsSave) return;
    await this.#book.save();
    this.#refresh();
    this.#wakeSignal.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (const { provider, kind, version, test, lost } of this.#book.all()) {
      // A restart may follow a repair.
      if (lost || (test !== undefined && test.code !== "ok")) {
        this.#plan(idOf({ provider, kind, version })).retryAt = this.#options.clock.now();
      }
    }
    for (let nextAt = this.#options.clock.now(); !signal.aborted;) {
      await Promise.all(this.#urgent().map((sentinel) => this.#test(sentinel, signal)));
      const now = this.#options.clock.now();
      const due = this.#due(now);
      if (due.sentinel !== undefined && now >= nextAt) {
        nextAt = now + sentinelTimings.gap;
        await this.#test(due.sentinel, signal);
      } else {
        const until = due.sentinel === undefined ? due.at : nextAt;
        await this.#wakeSignal.wait(
          this.#options.clock,
          Math.min(Math.max(1, until - now), sentinelTimings.every),
          signal,
        );
      }
    }
  }

  #urgent(): readonly Sentinel[] {
    return this.#testable().filter((sentinel) => this.#plans.get(idOf(sentinel))?.urgent);
  }

  /** The sentinels with a configured provider and a version that is not forgotten. */
  #testable(): readonly Sentinel[] {
    const { forgotten, holders } = this.#options.decryptors;
    const all = this.#book.all();
    const { forgets } = forgottenVersions(forgotten, knownVersions(all, this.#history));
    return all.filter((one) => !forgets(one) && hasHolder(one, holders));
  }

  /** The sentinel that has been due for longest; if there is none, the time when the next one will be. */
  #due(now: number): { readonly sentinel: Sentinel | undefined; readonly at: number } {
    const all = this.#testable();
    const tested = (name: string) =>
      all.filter((one) => one.provider === name && this.#testedAt(one) > now - sentinelTimings.every).length;
    const ranked = all.map((sentinel) => ({ sentinel, at: this.#dueAt(sentinel) })).sort((a, b) => a.at - b.at);
    const ready = ranked.find(({ sentinel, at }) =>
      at <= now && (this.#hasFailed(sentinel) || tested(sentinel.provider) < sentinelTimings.perDay)
    );
    const later = ranked.find(({ at }) => at > now)?.at ?? Infinity;
    // Those that wait for their provider's share of the day are checked again after a gap.
    const waiting = ranked.some(({ at }) => at <= now) ? now + sentinelTimings.gap : Infinity;
    return { sentinel: ready?.sentinel, at: Math.min(later, waiting) };
  }

  #dueAt(sentinel: Sentinel): number {
    return this.#plans.get(idOf(sentinel))?.retryAt ?? this.#testedAt(sentinel) + sentinelTimings.every;
  }

  /** A moment of the monotonic clock: steps of the wall clock do not change the age of this process' tests. */
  #testedAt(sentinel: Sentinel): number {
    const [plan, now, stored] = [this.#plan(idOf(sentinel)), this.#options.clock.now(), sentinel.test?.at ?? 0];
    if (plan.tested?.stored === stored) return plan.tested.moment;
    const age = this.#times.now() - stored;
    // A time in the future was stored before the clock was set back: a test is due.
    plan.tested = { stored, moment: now - (age < 0 ? sentinelTimings.every : age), here: false };
    return plan.tested.moment;
  }

  #testedNow(sentinel: Sentinel): void {
    const stored = sentinel.test?.at ?? 0;
    this.#plan(idOf(sentinel)).tested = { stored, moment: this.#options.clock.now(), here: true };
  }

  #hasFailed(sentinel: Sentinel): boolean {
    return this.#plans.get(idOf(sentinel))?.retryAt !== undefined;
  }

  async #test(sentinel: Sentinel, signal: AbortSignal): Promise<void> {
    const id = idOf(sentinel);
    const plan = this.#plan(id);
    plan.urgent = false;
    let error = await this.#open(sentinel, signal);
    if (error && effectiveCode(error) === "permission_denied") {
      // A policy or a login may be in the middle of a change.
      await this.#options.clock.sleep(sentinelTimings.confirm, signal);
      error = await this.#open(sentinel, signal);
    }
    if (signal.aborted) return;
    const now = this.#options.clock.now();
    const code = error ? effectiveCode(error) : "ok";
    const message = error?.message ?? "";
    if (code !== "ok" && !isLoss(code)) {
      plan.failure = { at: now, code, message };
      this.#retry(plan, now, sentinelTimings.lastOutageRetry);
      return this.#refresh();
    }
    const lost = code !== "ok" && (sentinel.lost || plan.fresh || this.#counts(id));
    plan.failure = undefined;
    plan.fresh = false;
    if (lost) this.#retry(plan, now, sentinelTimings.lastRetry);
    else [plan.failures, plan.retryAt] = [0, undefined];
    const tested: Sentinel = { ...sentinel, test: { at: this.#times.of(now), code, message }, lost };
    this.#book.put(tested);
    this.#testedNow(tested);
    await this.#book.save();
    this.#refresh();
    this.#warn(id, plan);
  }

  async #open(sentinel: Sentinel, signal: AbortSignal): Promise<KmsError | undefined> {
    const { clock, unwrapperOf } = this.#options;
    const unwrapper = unwrapperOf(sentinel.provider);
    if (!unwrapper) return undefined;
    using bound = deadlineBy(clock, sentinelTimings.deadline, signal);
    try {
      const work = openSentinel(sentinel, unwrapper, { signal: bound.signal });
      await orAborted(work, bound.signal, `open a sentinel with provider "${unwrapper.name}"`);
      return undefined;
    } catch (thrown) {
      return toKmsError(thrown);
    }
  }

  #retry(plan: Plan, now: number, last: number): void {
    plan.retryAt = now + backoff(plan.failures, sentinelTimings.firstRetry, last);
    plan.failures++;
  }

  #warn(id: string, plan: Plan): void {
    const refused = this.#statuses.find((one) => idOf(one) === id && one.state === "refused");
    if (refused && !plan.warned) {
      const known = knownVersions(this.#book.all(), this.#history);
      const message = lossSentence(refused, known, this.#options.wrapSets(), this.#options.decryptors.wrapOnly);
      this.#options.notify({ type: "lifecycle", action: "warning", message });
    }
    plan.warned = refused !== undefined;
  }

  #counts(id: string): boolean {
    return (this.#announced ?? []).map(versionOf).map(idOf).includes(id);
  }

  #plan(id: string): Plan {
    const found = this.#plans.get(id);
    if (found) return found;
    const plan: Plan = {
      urgent: false,
      fresh: false,
      failures: 0,
      retryAt: undefined,
      tested: undefined,
      failure: undefined,
      warned: false,
    };
    this.#plans.set(id, plan);
    return plan;
  }

  /** The sentinel with the time of its last test by the present wall clock, if this process made the test. */
  #shown(sentinel: Sentinel): Sentinel {
    const { test } = sentinel;
    const tested = this.#plans.get(idOf(sentinel))?.tested;
    if (test === undefined || tested === undefined || tested.stored !== test.at || !tested.here) return sentinel;
    return { ...sentinel, test: { ...test, at: this.#times.of(tested.moment) } };
  }

  #refresh(): void {
    const { decryptors } = this.#options;
    const failures = new Map(
      [...this.#plans].flatMap(([id, { failure }]) =>
        failure ? [[id, { ...failure, at: this.#times.of(failure.at) }] as const] : []
      ),
    );
    const sentinels = this.#book.all().map((sentinel) => this.#shown(sentinel));
    const [history, announced] = [this.#history, this.#announced ?? []];
    this.#origin = this.#times.of(0);
    this.#statuses = sealedVersions({ sentinels, history, announced, decryptors, failures });
  }
}

function versionOf({ name, kind, version }: KeyIdMember): SealedVersion {
  return { provider: name, kind, version };
}
