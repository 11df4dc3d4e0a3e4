/**
 * The key ring: the counted versions, the announced key ID, and the data key that is ready to seal under it.
 *
 * A key ID is announced only after the quorum has wrapped a data key for it. Encrypt is then answered from memory, and
 * kube-apiserver starts without waiting for a KMS.
 *
 * @module
 */
import { type Clock, WallTimes } from "../../../base/clock.ts";
import { backoff } from "../../../base/deadline.ts";
import { WakeSignal } from "../../../base/wake_signal.ts";
import { KmsError, toKmsError } from "../../../base/errors.ts";
import type { KmsApi } from "../../../api/kms/messages.ts";
import type { Notify } from "../../../telemetry/events.ts";
import type { QuorumMember } from "../../../envelope/quorum.ts";
import type { KeyState } from "../../../provider/provider.ts";
import type { StateFolderWatch } from "../../../base/state_folder.ts";
import { Announcer, type Candidate } from "./announcer.ts";
import type { KekGroup } from "../../../kek/kek_group.ts";
import type { ProviderHealth, QuorumState } from "../../../kek/status.ts";
import type { AnswerStatus, Encrypted, ProviderStatus, ServiceStatus } from "../status.ts";
import { DekMaker } from "./dek_maker.ts";
import { FirstEncrypt, type FirstEncryptFile } from "./first_encrypt.ts";
import { keyIdOf, unseenVersion } from "./key_id.ts";
import { RingMemory, wrapSetsOf } from "./memory.ts";
import { type Decryptors, requireDecryptors, type WrapSet } from "./wrap_sets.ts";
import type { ReadyDek } from "./ready_dek.ts";
import type { SentinelWatch } from "./sentinel_watch.ts";
import { shown } from "../../../kek/shown.ts";
import { Snapshot } from "./snapshot.ts";
import type { RingState, RingStore } from "./state.ts";

/**
 * Milliseconds. `firstSight`: the wait for the first answer of every provider. `gap`: the pause between two data keys,
 * which bounds the number of wraps that many Encrypts cause. `firstRetry`, `lastRetry`: the shortest and longest pause
 * after a missed quorum. `idle`: the longest sleep of the loop without work.
 */
export const ringTimings = {
  firstSight: 30_000,
  gap: 50,
  firstRetry: 1_000,
  lastRetry: 10_000,
  idle: 3_600_000,
} as const;

/** Options of a key ring. */
export interface KeyRingOptions {
  /** The ring starts its probes; the caller disposes of it. */
  readonly group: KekGroup;
  /** The providers that can open data of this node. */
  readonly decryptors: Decryptors;
  readonly keyEpoch: number;
  /** Maximum number of seeds that a data key seals. */
  readonly dekMaxUses: number;
  readonly clock: Clock;
  readonly notify: Notify;
  readonly store: RingStore;
  /** The file for the first Encrypt under a key ID; `undefined` keeps it in memory only. */
  readonly firstEncrypt: FirstEncryptFile | undefined;
  /** For the status; `undefined` if no state folder is used. */
  readonly stateFolder: Pick<StateFolderWatch, "status"> | undefined;
  /** Opens the watch that tests the versions that the ring has sealed with. The ring disposes of it. */
  readonly openSentinels: (sealedBy: () => readonly WrapSet[]) => Promise<SentinelWatch>;
  /** Milliseconds after which a data key for v1beta1 is replaced. */
  readonly dekMaxAgeMs: number;
  /** Called when a data key has sealed its first seed. */
  readonly onFirstUse: (dek: ReadyDek) => void;
}

/** See the module. Open one with {@linkcode KeyRing.open}. */
export class KeyRing implements AsyncDisposable {
  readonly #options: KeyRingOptions;
  readonly #snapshot: Snapshot;
  readonly #memory: RingMemory;
  readonly #announcer: Announcer;
  readonly #maker: DekMaker;
  readonly #firstEncrypt: FirstEncrypt;
  readonly #sentinels: SentinelWatch;
  readonly #times: WallTimes;
  readonly #startedAt: number;
  readonly #closing = new AbortController();
  readonly #wakeSignal = new WakeSignal();
  #ready: ReadyDek | undefined;
  /** The data key for the next key ID, until that ID can be announced. */
  #next: ReadyDek | undefined;
  /** Whether the ready DEK is used up or too old and has to be replaced. */
  #replace = false;
  /** Providers without a wrap of the ready DEK that have answered a probe since. */
  readonly #back = new Set<string>();
  #lastError: KmsError | undefined;
  #running: Promise<void> = Promise.resolve();

  /**
   * Reads the node's state, and starts to probe providers and to prepare data keys. It does not wait for a KMS.
   *
   * @throws {KmsError} `config` if the state folder cannot be used, or if data sealed by this node could not be opened by
   *   any configured provider.
   */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const state = await options.store.load();
    requireDecryptors(wrapSetsOf(state), options.decryptors);
    // A folder that cannot be written fails the start, and not the first rotation.
    if (!state) await options.store.save({ format: 1, providers: [], history: [] });
    const memory = new RingMemory(options.store, state);
    const ring = new KeyRing(options, state, memory, {
      firstEncrypt: await FirstEncrypt.open(options.firstEncrypt, options.notify, options.clock),
      sentinels: await options.openSentinels(() => memory.wrapSets),
    });
    const { signal } = ring.#closing;
    options.group.start((name, found) => ring.#answered(name, found));
    ring.#running = ring.#prepareLoop(signal);
    return ring;
  }

  private constructor(
    options: KeyRingOptions,
    state: RingState | undefined,
    memory: RingMemory,
    { firstEncrypt, sentinels }: { readonly firstEncrypt: FirstEncrypt; readonly sentinels: SentinelWatch },
  ) {
    const { group, clock, notify } = options;
    this.#options = options;
    this.#times = new WallTimes(clock);
    this.#startedAt = clock.now();
    const known = (state?.providers ?? []).map(({ name, kind, state }) => [name, { kind, state }] as const);
    const past = (state?.history ?? []).flatMap(({ members }) => members);
    this.#snapshot = new Snapshot(group.providers, new Map(known), past);
    this.#memory = memory;
    this.#sentinels = sentinels;
    this.#announcer = new Announcer(clock, this.#memory, notify);
    this.#firstEncrypt = firstEncrypt;
    this.#maker = new DekMaker(options);
    this.#noteAnnounced();
  }

  /** The status for a Status answer, from memory. A change of the key ID waits for the Encrypt that can follow. */
  status(): AnswerStatus {
    this.#announcer.noteStatus();
    return this.encryptStatus();
  }

  /** The same for an Encrypt. */
  encryptStatus(): AnswerStatus {
    const { current } = this.#announcer;
    const { quorum } = this.#options.group;
    return { keyId: current?.id, quorum, message: current ? "" : this.#whyNoKeyId(quorum) };
  }

  /** The whole status, from memory. */
  peek(): ServiceStatus {
    const { current } = this.#announcer;
    const group = this.#options.group.status();
    return {
      ...group,
      ...this.encryptStatus(),
      provisional: current?.provisional ?? false,
      providers: group.providers.map((health) => this.#providerStatus(health)),
      canEncrypt: this.#ready !== undefined,
      dataKeyMadeAt: shown(this.#ready?.madeAt, this.#times),
      announcedAt: this.#announcer.announcedAt,
      firstEncryptAt: current && this.#firstEncrypt.at(current.id),
      stateFolder: this.#options.stateFolder?.status(),
      sealedVersions: this.#sentinels.statuses,
    };
  }

  /** Starts to test, in the background, whether the versions that this node has sealed with can be opened. */
  examine(): void {
    this.#sentinels.start();
  }

  /**
   * Seals a seed under the announced key ID.
   *
   * @param byTool whether the caller is one of Trousseau's own commands and no API server.
   * @throws {KmsError} with the reason, if no data key is ready.
   */
  seal(seed: Uint8Array, api: KmsApi, byTool: boolean): Encrypted {
    const ready = this.#ready;
    if (!ready) throw this.#notReady();
    const sealed = ready.seal(seed, api);
    if (ready.uses === 1) this.#options.onFirstUse(ready);
    // v1beta1 has no key ID.
    if (api === "v2" && !byTool) this.#firstEncrypt.note(ready.keyId);
    if (!this.#replace && (api === "v2" || ready.wearsOut || this.#isTooOld(ready))) {
      this.#replace = true;
      this.#wakeSignal.wake();
    }
    return sealed;
  }

  #isTooOld({ madeAt }: ReadyDek): boolean {
    return this.#options.clock.now() - madeAt >= this.#options.dekMaxAgeMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#firstEncrypt.written();
    await this.#sentinels[Symbol.asyncDispose]();
    this.#ready?.wipe();
    this.#next?.wipe();
  }

  /** @returns whether another probe has to confirm the version soon. */
  #answered(name: string, found: KeyState): boolean {
    const observed = this.#snapshot.observe(name, found);
    if (observed === "behind") this.#warnOfOldVersion(name, found);
    if (this.#ready?.lacking.has(name) || !this.#options.group.isWell(name)) this.#back.add(name);
    if (observed === "changed" || this.#back.has(name)) this.#wakeSignal.wake();
    return observed === "confirm";
  }

  #warnOfOldVersion(name: string, { version }: KeyState): void {
    const message =
      `Provider "${name}" still answers with version ${version}, which was replaced; the key ID stays as ` +
      "it is. If its KMS was taken back on purpose, give the provider a new name, with this one under formerly.";
    this.#options.notify({ type: "lifecycle", action: "warning", message });
  }

  #providerStatus(health: ProviderHealth): ProviderStatus {
    const { name } = health;
    const version = this.#snapshot.counted(name)?.version ?? unseenVersion;
    const lacksWrapSince = shown(this.#ready?.lacking.get(name), this.#times);
    return { ...health, version, lacksWrapSince };
  }

  #whyNoKeyId(quorum: QuorumState): string {
    const reason = quorum.state === "lost" ? quorum.message : this.#lastError?.message ?? "";
    return `No key ID is known yet: no data key has been wrapped on this node. ${reason}`.trim();
  }

  #notReady(): KmsError {
    const { code, message, members } = this.#lastError ?? new KmsError("unreachable", "No KMS has answered yet.");
    return new KmsError(code, `Cannot encrypt: no data key is ready. ${message}`, { members });
  }

  /** One loop does all of the work, so that at most one data key is being wrapped at any time. */
  async #prepareLoop(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let failures = 0; !signal.aborted;) {
      if (this.#wantsDek()) failures = await this.#prepare(signal) ? 0 : failures + 1;
      await this.#announceNext();
      if (failures === 0) {
        await clock.sleep(ringTimings.gap, signal);
        if (!this.#wantsDek()) await this.#wakeSignal.wait(clock, this.#untilDue(), signal);
      } else {
        await clock.sleep(ringTimings.firstRetry, signal);
        const { firstRetry, lastRetry } = ringTimings;
        await this.#wakeSignal.wait(clock, backoff(failures, firstRetry, lastRetry) - firstRetry, signal);
      }
    }
  }

  /** Milliseconds until the loop has work without being woken: an announcement, or the end of `firstSight`. */
  #untilDue(): number {
    const now = this.#options.clock.now();
    const candidate = this.#candidate();
    if (candidate) return Math.max(1, this.#announcer.dueAt(candidate) - now);
    if (this.#snapshot.complete) return ringTimings.idle;
    const firstSight = this.#startedAt + ringTimings.firstSight - now;
    return firstSight > 0 ? firstSight : ringTimings.idle;
  }

  /** Whether a key ID may be made of the snapshot: every provider has answered once, or `firstSight` has passed. */
  #settled(): boolean {
    if (this.#snapshot.complete) return true;
    const waited = this.#options.clock.now() - this.#startedAt >= ringTimings.firstSight;
    return waited && this.#hasQuorum();
  }

  /** The key ID that a data key would be made for now. */
  #targetId(): string | undefined {
    if (this.#settled()) return keyIdOf(this.#options.keyEpoch, this.#snapshot.members());
    // A restarted node keeps its key ID until a provider that it has never seen has answered.
    return this.#hasQuorum() ? this.#announcer.current?.id : undefined;
  }

  /** Whether enough of the providers that were seen can unwrap what they wrap. */
  #hasQuorum(): boolean {
    const { needed } = this.#options.group;
    return this.#members().filter(({ provider }) => provider.canUnwrap).length >= needed;
  }

  #wantsDek(): boolean {
    const target = this.#targetId();
    if (target === undefined) return false;
    const held = target === this.#announcer.current?.id ? this.#ready : this.#next;
    return held?.keyId !== target || this.#back.size > 0 || (this.#replace && this.#next === undefined);
  }

  #members(): Required<QuorumMember>[] {
    return this.#options.group.providers.flatMap((provider) => {
      const at = this.#snapshot.counted(provider.name);
      return at ? [{ provider, at }] : [];
    });
  }

  /** @returns whether a data key was wrapped. */
  async #prepare(signal: AbortSignal): Promise<boolean> {
    // The API server calls Encrypt under an announced key ID right after the restart.
    const hasty = this.#ready === undefined && this.#announcer.current !== undefined;
    const order = { keyId: this.#targetId() ?? "", members: this.#members(), before: this.#ready, hasty };
    this.#back.clear();
    try {
      const dek = await this.#maker.make(order, signal);
      if (!dek) return false;
      await this.#install(dek);
      // The next data key is made at once and waits for the providers that were not waited for.
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
      await this.#recordWrapSet(dek);
      await this.#keepSentinels(dek);
    }
    // If another version counts by now, this data key is for a key ID that will not be announced.
    if (dek.keyId !== this.#targetId()) return dek.wipe();
    this.#dropNext();
    if (dek.keyId === this.#announcer.current?.id) this.#makeReady(dek);
    else this.#next = dek;
  }

  /** Writes down which providers can open the data key before it seals, for `requireDecryptors` at a later start. */
  async #recordWrapSet(dek: ReadyDek): Promise<void> {
    try {
      await this.#memory.sealing(this.#wrapSetOf(dek));
    } catch (thrown) {
      dek.wipe();
      const message = `${toKmsError(thrown).message} The data key in use stays until that is mended.`;
      this.#options.notify({ type: "lifecycle", action: "warning", message });
      throw thrown;
    }
  }

  /** Called before the data key seals. A failed write is only a warning. */
  async #keepSentinels(dek: ReadyDek): Promise<void> {
    const holders = this.#options.group.providers.filter(({ canUnwrap }) => canUnwrap);
    await this.#sentinels.keep(dek, new Map(holders.map(({ name, kind }) => [name, kind])));
  }

  #noteAnnounced(): void {
    this.#sentinels.announced(this.#announcer.current?.members ?? [], this.#memory.history);
  }

  #wrapSetOf({ wraps }: ReadyDek): WrapSet {
    const wrapped = wraps.map(({ name }) => name);
    const providers = this.#options.group.providers.filter(({ name }) => wrapped.includes(name));
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
