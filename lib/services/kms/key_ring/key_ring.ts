/**
 * The key ring: the versions that count, the announced key ID, and the data key that is ready to seal under it.
 *
 * A key ID is announced only when a data key has been wrapped under it by the quorum, so Encrypt is answered from memory
 * whenever an ID is known to this process, and no KMS is between kube-apiserver and its start.
 *
 * @module
 */
import { WallTimes } from "../../../base/clock.ts";
import { backoff } from "../../../base/deadline.ts";
import { KmsError, toKmsError } from "../../../base/errors.ts";
import type { KmsApi } from "../../../telemetry/events.ts";
import type { QuorumMember } from "../../../envelope/quorum.ts";
import type { KeyState, Provider } from "../../../provider/provider.ts";
import type { StateFolderWatch } from "../../../base/state_folder.ts";
import { Announcer, type Candidate } from "./announcer.ts";
import type { Encrypted, ProviderStatus, QuorumState, RetiredStatus, ServiceStatus } from "../../../kek/status.ts";
import { WakeSignal } from "./wake_signal.ts";
import { DekMaker, type DekMakerOptions } from "./dek_maker.ts";
import type { DecryptBoard } from "../../../kek/decrypt_board.ts";
import { FirstEncrypt, type FirstEncryptFile } from "./first_encrypt.ts";
import type { HealthBoard } from "../../../kek/health.ts";
import { keyIdOf, unseenVersion } from "./key_id.ts";
import { RingMemory, wrapSetsOf } from "./memory.ts";
import { type Decryptors, requireDecryptors, type WrapSet } from "./wrap_sets.ts";
import { Prober } from "./prober.ts";
import { QuorumWatch } from "../../../kek/quorum_watch.ts";
import type { ReadyDek } from "./ready_dek.ts";
import type { SentinelWatch } from "./sentinel_watch.ts";
import { shown, shownDecrypts, shownHealth } from "../../../kek/shown.ts";
import { type Observed, Snapshot } from "./snapshot.ts";
import type { RingState, RingStore } from "./state.ts";

/** Milliseconds. `gap` lies between two data keys, so that a storm of Encrypts is not a storm of wraps. */
export const ringTimings = {
  firstSight: 30_000,
  gap: 50,
  firstRetry: 1_000,
  lastRetry: 10_000,
  idle: 3_600_000,
} as const;

/** What a key ring is made of. */
export interface KeyRingOptions extends DekMakerOptions {
  /** Providers that only unwrap: they count neither in the quorum nor in the key ID, and are not probed. */
  readonly retired: readonly Provider[];
  /** Who may open what this node has sealed. */
  readonly decryptors: Decryptors;
  readonly keyEpoch: number;
  readonly store: RingStore;
  /** Where the first Encrypt under a key ID is kept; in memory alone if `undefined`. */
  readonly firstEncrypt: FirstEncryptFile | undefined;
  /** Whether the state folder can be written, for the status; `undefined` where there is none. */
  readonly stateFolder: Pick<StateFolderWatch, "status"> | undefined;
  /** Decrypts that were refused, for the status. */
  readonly decrypts: DecryptBoard;
  /** Opens a watch over the versions that the ring seals with; the ring disposes of it. */
  readonly openSentinels: (sealedBy: () => readonly WrapSet[]) => Promise<SentinelWatch>;
  /** How long a data key serves v1beta1, in milliseconds. */
  readonly dekMaxAgeMs: number;
  readonly probeIntervalMs: number;
  /** Spreads the probes of several nodes: numbers from 0 to 1. */
  readonly random: () => number;
  /** Told at the first use of a data key, so that what this node sealed it can open in an outage. */
  readonly onFirstUse: (dek: ReadyDek) => void;
}

/** See the module. Open one with {@linkcode KeyRing.open}. */
export class KeyRing implements AsyncDisposable {
  readonly board: HealthBoard;
  readonly #options: KeyRingOptions;
  readonly #snapshot: Snapshot;
  readonly #memory: RingMemory;
  readonly #announcer: Announcer;
  readonly #prober: Prober;
  readonly #maker: DekMaker;
  readonly #quorum: QuorumWatch;
  readonly #firstEncrypt: FirstEncrypt;
  readonly #sentinels: SentinelWatch;
  readonly #times: WallTimes;
  readonly #startedAt: number;
  readonly #closing = new AbortController();
  readonly #bell = new WakeSignal();
  #ready: ReadyDek | undefined;
  /** Wrapped under the next key ID, waiting for a pause to be announced. */
  #next: ReadyDek | undefined;
  /** Whether the ready DEK has done its work and another one shall take its place. */
  #replace = false;
  /** Providers without a wrap that have answered a probe since. */
  readonly #back = new Set<string>();
  #lastError: KmsError | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /**
   * Reads the node's state and starts to probe and to prepare. It does not wait for a KMS.
   *
   * @throws {KmsError} `config` if the state folder cannot be used, or if nobody is configured any more who could open
   *   something that this node has sealed.
   */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const state = await options.store.load();
    requireDecryptors(wrapSetsOf(state), options.decryptors);
    // A folder that cannot be written to is better found by the start than by the first rotation.
    if (!state) await options.store.save({ format: 1, providers: [], history: [] });
    const memory = new RingMemory(options.store, state);
    const ring = new KeyRing(options, state, memory, {
      firstEncrypt: await FirstEncrypt.open(options.firstEncrypt, options.notify, options.clock),
      sentinels: await options.openSentinels(() => memory.wrapSets),
    });
    const { signal } = ring.#closing;
    ring.#running = Promise.all([ring.#prober.run(options.providers, signal), ring.#prepareLoop(signal)]);
    return ring;
  }

  private constructor(
    options: KeyRingOptions,
    state: RingState | undefined,
    memory: RingMemory,
    { firstEncrypt, sentinels }: { readonly firstEncrypt: FirstEncrypt; readonly sentinels: SentinelWatch },
  ) {
    const { providers, clock, notify, probeIntervalMs, random } = options;
    this.#options = options;
    this.#times = new WallTimes(clock);
    this.#startedAt = clock.now();
    this.board = options.board;
    const known = (state?.providers ?? []).map(({ name, kind, state }) => [name, { kind, state }] as const);
    const past = (state?.history ?? []).flatMap(({ members }) => members);
    this.#snapshot = new Snapshot(providers, new Map(known), past);
    this.#memory = memory;
    this.#sentinels = sentinels;
    this.#announcer = new Announcer(clock, this.#memory, notify);
    this.#firstEncrypt = firstEncrypt;
    this.#maker = new DekMaker(options);
    this.#prober = new Prober(clock, { intervalMs: probeIntervalMs, random }, {
      answered: (name, found) => this.#answered(name, found),
      failed: (name, error) => this.board.failed(name, "probe", error),
    });
    this.#quorum = new QuorumWatch(this.board, providers.map(({ name }) => name), options.needed, clock);
    this.#noteAnnounced();
  }

  /** From memory, and noted: a new key ID waits until this answer has been used. */
  status(): ServiceStatus {
    this.#announcer.noteStatus();
    return this.peek();
  }

  /** From memory. */
  peek(): ServiceStatus {
    const { current } = this.#announcer;
    const quorum = this.#quorum.state();
    return {
      keyId: current?.id,
      provisional: current?.provisional ?? false,
      message: current ? "" : this.#whyNoKeyId(quorum),
      quorum,
      needed: this.#options.needed,
      providers: this.#options.providers.map((provider) => this.#providerStatus(provider)),
      retired: this.#options.retired.map((provider) => this.#retiredStatus(provider)),
      canEncrypt: this.#ready !== undefined,
      dataKeyMadeAt: shown(this.#ready?.madeAt, this.#times),
      announcedAt: this.#announcer.announcedAt,
      firstEncryptAt: current && this.#firstEncrypt.at(current.id),
      decrypts: shownDecrypts(this.#options.decrypts.status(), this.#times),
      stateFolder: this.#options.stateFolder?.status(),
      sealedVersions: this.#sentinels.statuses,
    };
  }

  /** From now on, in the background, opens what shows whether the versions that were sealed with can be opened. */
  examine(): void {
    this.#sentinels.start();
  }

  /**
   * Seals a seed under the announced key ID.
   *
   * @param byTool whether it is for no API server.
   * @throws {KmsError} why no data key is ready.
   */
  seal(seed: Uint8Array, api: KmsApi, byTool: boolean): Encrypted {
    const ready = this.#ready;
    if (!ready) throw this.#notReady();
    const sealed = ready.seal(seed, api);
    if (ready.uses === 1) this.#options.onFirstUse(ready);
    // Over v1beta1 the API server knows no key ID.
    if (api === "v2" && !byTool) this.#firstEncrypt.note(ready.keyId);
    const tooOld = this.#options.clock.now() - ready.madeAt >= this.#options.dekMaxAgeMs;
    if (!this.#replace && (api === "v2" || tooOld || ready.wearsOut)) {
      this.#replace = true;
      this.#bell.wake();
    }
    return sealed;
  }

  /** Has a provider probed soon: a call to it has failed. */
  probeSoon(name: string): void {
    this.#prober.probeSoon(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#firstEncrypt.written();
    await this.#sentinels[Symbol.asyncDispose]();
    this.#ready?.wipe();
    this.#next?.wipe();
  }

  #answered(name: string, found: KeyState): Observed {
    this.board.succeeded(name, "probe");
    const observed = this.#snapshot.observe(name, found);
    if (observed === "behind") this.#warnOfOldVersion(name, found);
    if (this.#ready?.lacking.has(name) || this.board.of(name).state !== "well") this.#back.add(name);
    if (observed === "changed" || this.#back.has(name)) this.#bell.wake();
    return observed;
  }

  #warnOfOldVersion(name: string, { version }: KeyState): void {
    const message =
      `Provider "${name}" still answers with version ${version}, which was replaced; the key ID stays as ` +
      "it is. If its KMS was taken back on purpose, give the provider a new name, with this one under formerly.";
    this.#options.notify({ type: "lifecycle", action: "warning", message });
  }

  #retiredStatus(provider: Provider): RetiredStatus {
    return shownHealth(provider, this.board.of(provider.name), this.#times);
  }

  #providerStatus(provider: Provider): ProviderStatus {
    const { name } = provider;
    const version = this.#snapshot.counted(name)?.version ?? unseenVersion;
    const lacksWrapSince = shown(this.#ready?.lacking.get(name), this.#times);
    return { ...this.#retiredStatus(provider), version, lacksWrapSince };
  }

  #whyNoKeyId(quorum: QuorumState): string {
    const reason = quorum.state === "lost" ? quorum.message : this.#lastError?.message ?? "";
    return `No key ID is known yet: no data key has been wrapped on this node. ${reason}`.trim();
  }

  #notReady(): KmsError {
    const { code, message, members } = this.#lastError ?? new KmsError("unreachable", "No KMS has answered yet.");
    return new KmsError(code, `Cannot encrypt: no data key is ready. ${message}`, { members });
  }

  /** One piece of work after the other, so that at most one data key is being wrapped at any time. */
  async #prepareLoop(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let failures = 0; !signal.aborted;) {
      if (this.#wantsDek()) failures = await this.#prepare(signal) ? 0 : failures + 1;
      await this.#announceNext();
      if (failures === 0) {
        await clock.sleep(ringTimings.gap, signal);
        if (!this.#wantsDek()) await this.#bell.wait(clock, this.#untilDue(), signal);
      } else {
        await clock.sleep(ringTimings.firstRetry, signal);
        const { firstRetry, lastRetry } = ringTimings;
        await this.#bell.wait(clock, backoff(failures, firstRetry, lastRetry) - firstRetry, signal);
      }
    }
  }

  /** When something falls due without anybody ringing: an announcement, or the end of the wait for a first sight. */
  #untilDue(): number {
    const now = this.#options.clock.now();
    const candidate = this.#candidate();
    if (candidate) return Math.max(1, this.#announcer.dueAt(candidate) - now);
    if (this.#snapshot.complete) return ringTimings.idle;
    const firstSight = this.#startedAt + ringTimings.firstSight - now;
    return firstSight > 0 ? firstSight : ringTimings.idle;
  }

  /** Whether an ID may be made of the snapshot: every provider has been seen, or has had its time to be. */
  #settled(): boolean {
    if (this.#snapshot.complete) return true;
    const waited = this.#options.clock.now() - this.#startedAt >= ringTimings.firstSight;
    return waited && this.#members().length >= this.#options.needed;
  }

  /** The ID that a data key made now would be for. */
  #targetId(): string | undefined {
    if (this.#settled()) return keyIdOf(this.#options.keyEpoch, this.#snapshot.members());
    // A restarted node goes on under its old ID until a provider that is new to it has been seen.
    return this.#members().length >= this.#options.needed ? this.#announcer.current?.id : undefined;
  }

  #wantsDek(): boolean {
    const target = this.#targetId();
    if (target === undefined) return false;
    const held = target === this.#announcer.current?.id ? this.#ready : this.#next;
    return held?.keyId !== target || this.#back.size > 0 || (this.#replace && this.#next === undefined);
  }

  #members(): Required<QuorumMember>[] {
    return this.#options.providers.flatMap((provider) => {
      const at = this.#snapshot.counted(provider.name);
      return at ? [{ provider, at }] : [];
    });
  }

  /** @returns whether a data key was wrapped. */
  async #prepare(signal: AbortSignal): Promise<boolean> {
    // A node that has announced an ID is asked to encrypt under it from its start on.
    const hasty = this.#ready === undefined && this.#announcer.current !== undefined;
    const order = { keyId: this.#targetId() ?? "", members: this.#members(), before: this.#ready, hasty };
    this.#back.clear();
    try {
      const dek = await this.#maker.make(order, signal);
      if (!dek) return false;
      await this.#install(dek);
      // Whoever was not waited for gets the time of others at the next one, which is made now.
      if (hasty && dek.lacking.size > 0) this.#replace = true;
      this.#lastError = undefined;
      return true;
    } catch (thrown) {
      this.#lastError = toKmsError(thrown);
      return false;
    }
  }

  async #install(dek: ReadyDek): Promise<void> {
    if (dek.keyId === this.#announcer.current?.id) {
      await this.#noteOpeners(dek);
      await this.#keepSentinels(dek);
    }
    // A version may have come to count meanwhile: then this key is for an ID that will not be.
    if (dek.keyId !== this.#targetId()) return dek.wipe();
    this.#dropNext();
    if (dek.keyId === this.#announcer.current?.id) this.#makeReady(dek);
    else this.#next = dek;
  }

  /** Before it seals anything, so that no provider is taken out by mistake that alone could open it. */
  async #noteOpeners(dek: ReadyDek): Promise<void> {
    try {
      await this.#memory.sealing(this.#wrapSetOf(dek));
    } catch (thrown) {
      dek.wipe();
      const message = `${toKmsError(thrown).message} The data key in use stays until that is mended.`;
      this.#options.notify({ type: "lifecycle", action: "warning", message });
      throw thrown;
    }
  }

  /** Before it seals anything too, but a failure stops nothing: a node that cannot write them still seals and opens. */
  async #keepSentinels(dek: ReadyDek): Promise<void> {
    const kinds = new Map(this.#options.providers.map(({ name, kind }) => [name, kind]));
    await this.#sentinels.keep(dek, (name) => kinds.get(name) ?? "");
  }

  #noteAnnounced(): void {
    this.#sentinels.announced(this.#announcer.current?.members ?? [], this.#memory.history);
  }

  #wrapSetOf({ wraps }: ReadyDek): WrapSet {
    const wrapped = wraps.map(({ name }) => name);
    const providers = this.#options.providers.filter(({ name }) => wrapped.includes(name));
    return providers.map(({ name, kind }) => ({ name, kind }));
  }

  #dropNext(): void {
    this.#next?.wipe();
    this.#next = undefined;
  }

  #makeReady(dek: ReadyDek): void {
    this.#ready?.wipe();
    this.#ready = dek;
    this.#replace = false;
  }

  #candidate(): Candidate | undefined {
    const next = this.#next;
    if (!next) return undefined;
    const states = this.#members().map(({ provider: { name, kind }, at }) => ({ name, kind, state: at }));
    const { keyEpoch } = this.#options;
    const members = this.#snapshot.members();
    return { id: next.keyId, since: next.madeAt, keyEpoch, members, states, holders: this.#wrapSetOf(next) };
  }

  async #announceNext(): Promise<void> {
    const [next, candidate] = [this.#next, this.#candidate()];
    if (next && next.keyId !== this.#targetId()) return this.#dropNext();
    if (!next || !candidate || this.#announcer.dueAt(candidate) > this.#options.clock.now()) return;
    await this.#keepSentinels(next);
    await this.#announcer.announce(candidate, () => this.#next === next, () => {
      this.#next = undefined;
      this.#makeReady(next);
      this.#noteAnnounced();
    });
  }
}
