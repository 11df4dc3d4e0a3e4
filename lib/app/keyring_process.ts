/**
 * The keyring server: it answers health at once, opens the store in the background, and serves once it is open.
 *
 * @module
 */
import { KeyringError } from "../api/keyring/problems.ts";
import { systemClock } from "../base/clock.ts";
import { abandoned, backoff } from "../base/deadline.ts";
import { toKmsError } from "../base/errors.ts";
import type { Reloads } from "../base/reloads.ts";
import { version } from "../base/version.ts";
import { WakeSignal } from "../base/wake_signal.ts";
import type { Config } from "../config/config.ts";
import type { KekGroup } from "../kek/kek_group.ts";
import { kekGauges } from "../kek/status_metrics.ts";
import { lastBackup, noteBackup } from "../services/keyring/backup/backup_times.ts";
import { type DiskBoundKeys, diskBoundWarning } from "../services/keyring/backup/openable.ts";
import { keyringApp } from "../services/keyring/http/app.ts";
import type { AnswerRequest } from "../services/keyring/http/exchange.ts";
import {
  auditHealth,
  backupHealth,
  certificateHealth,
  checkpointHealth,
  clockHealth,
  kmsHealth,
  type PartHealth,
  recoveryKeyHealth,
  storeHealth,
  tlsHealth,
} from "../services/keyring/http/health.ts";
import { IdempotencyKeys } from "../services/keyring/http/idempotency.ts";
import { sweepIdentities } from "../services/keyring/identity/sweep.ts";
import type { CheckpointPass } from "../services/keyring/records/checkpoint_pass.ts";
import { KeyUpkeep } from "../services/keyring/records/key_upkeep.ts";
import type { SealedRecordStore } from "../services/keyring/records/record_store.ts";
import { StoreContact } from "../services/keyring/records/store_contact.ts";
import type { Notify } from "../telemetry/events.ts";
import type { GaugeRow } from "../telemetry/gauges.ts";
import { diskBoundKeys } from "./disk_bound_keys.ts";
import { keyringGauges } from "./keyring_gauges.ts";
import { type OpenKeyring, openKeyring, type OpenLogins } from "./keyring_parts.ts";
import { KeyringPort } from "./keyring_port.ts";
import { servedUpkeep } from "./keyring_upkeep.ts";

/** Requests of one identity: in the long run a second, and at once. */
const rate = { perSecond: 1_000, burst: 4_000 } as const;

/**
 * Milliseconds: between two looks at certificates and expired rows, and while something of the open port fails; the pauses
 * between two tries to open the store; of one try, and of the last writes of a stop.
 */
const times = { upkeep: 60 * 60_000, unwell: 60_000, first: 250, most: 5_000, try: 10_000, last: 20_000 } as const;

/** Parts of a {@linkcode KeyringProcess}. */
export interface KeyringProcessParts {
  readonly config: Config;
  readonly store: SealedRecordStore;
  readonly group: KekGroup;
  readonly logins: OpenLogins;
  /** Announces a SIGHUP: the file of the audit is opened again after a rotation. */
  readonly credentials: Reloads;
  readonly notify: Notify;
}

/** See the module. */
export class KeyringProcess implements AsyncDisposable {
  readonly answer: AnswerRequest;
  readonly #parts: KeyringProcessParts;
  readonly #closing = new AbortController();
  readonly #upkeep: KeyUpkeep;
  readonly #contact: StoreContact;
  readonly #port: KeyringPort;
  #running: Promise<void> = Promise.resolve();
  #open: OpenKeyring | undefined;
  #comparing: Promise<void> = Promise.resolve();
  #comparedAt = systemClock.now();
  #failure = new KeyringError("kms_unavailable", "The store is being opened; try again in a moment.");
  #lastBackup: number | undefined;
  #draining = false;
  readonly #tidySoon = new WakeSignal();
  readonly #subscription: Disposable;

  constructor(parts: KeyringProcessParts) {
    this.#parts = parts;
    this.#subscription = parts.credentials.subscribe(() => void this.#reopenAudit());
    this.#upkeep = new KeyUpkeep(parts.store);
    this.#contact = new StoreContact(parts.store, systemClock);
    this.answer = keyringApp({
      parts: () => this.#opened().parts,
      clock: systemClock,
      rate,
      kvMount: parts.config.keyring.kvMount,
      version,
      health: () => this.health(),
      onAnswered: ({ action, result, seconds, error }) => {
        parts.notify({ type: "api_request", route: action, outcome: result, seconds });
        if (error !== undefined) parts.notify({ type: "lifecycle", action: "warning", message: error.message });
      },
    });
    this.#port = new KeyringPort({ config: parts.config.keyring, answer: this.answer, notify: parts.notify });
  }

  /** Begins to open the store. It does not wait. */
  start(): void {
    this.#running = this.#run();
  }

  /** Whether requests are answered. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** The state of each part, from memory. */
  health(): readonly PartHealth[] {
    const { store, group } = this.#parts;
    const keys = this.#upkeep.health();
    const [kms, isOpen] = [group.status(), this.#open !== undefined];
    const { certificate } = this.#port;
    const now = systemClock.wall();
    return [
      storeHealth(isOpen ? this.#contact.health() : this.#failure),
      ...kmsHealth(kms),
      ...recoveryKeyHealth(kms),
      ...(keys.state === "ok" ? [] : [{ name: "store keys", ...keys }]),
      ...tlsHealth(isOpen && this.#port.isMissing, this.#port.failure),
      ...(certificate === undefined ? [] : [certificateHealth(certificate, now, certificate.isOperators)]),
      clockHealth(store.newestRevision - now),
      ...(isOpen ? [backupHealth(this.#lastBackup, now, this.#backupWarning())] : []),
      ...(this.#open === undefined ? [] : [auditHealth(this.#open.audit.health())]),
      ...(this.#open === undefined ? [] : checkpointHealth(this.#open.checkpoints.finding)),
    ];
  }

  /** The gauges of `/metrics`, from memory. */
  gauges(): readonly GaugeRow[] {
    const kms = this.#parts.group.status();
    const { certificate } = this.#port;
    const certificateEnds = certificate?.isOperators ? undefined : certificate?.until;
    const state = { kms, parts: this.health(), isOpen: this.isOpen, lastBackup: this.#lastBackup, certificateEnds };
    return [...kekGauges(kms), ...keyringGauges(state)];
  }

  /** The reason why the TLS port does not answer; `""` if there is none. */
  complaint(): string {
    return this.#port.complaint();
  }

  /** Refuses new requests, and waits at most `ms` milliseconds for those in progress over TLS. */
  async drain(ms: number): Promise<void> {
    this.#draining = true;
    await this.#port.close(ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#draining = true;
    this.#closing.abort(abandoned);
    await this.#running;
    await this.#comparing;
    await this.#port.close(0);
    await this.#upkeep[Symbol.asyncDispose]();
    await this.#contact[Symbol.asyncDispose]();
    this.#subscription[Symbol.dispose]();
    await this.#keepEnd();
    await this.#open?.[Symbol.asyncDispose]();
  }

  /** Keeps what the next start compares: the end of the audit and a checkpoint. */
  async #keepEnd(): Promise<void> {
    if (this.#open === undefined) return;
    const signal = AbortSignal.timeout(times.last);
    try {
      await this.#open.keepAuditEnd(signal);
      await this.#open.checkpoints.run(signal);
    } catch (thrown) {
      this.#warn(thrown);
    }
  }

  /** Compares the store with its checkpoint. It does not throw. */
  async #compare(begun?: CheckpointPass): Promise<void> {
    try {
      await this.#open?.checkpoints.run(this.#closing.signal, begun);
    } catch (thrown) {
      if (!this.#closing.signal.aborted) this.#warn(thrown);
    }
  }

  async #reopenAudit(): Promise<void> {
    try {
      await this.#open?.audit.reopen();
    } catch (thrown) {
      this.#warn(thrown);
    }
  }

  #warn(thrown: unknown): void {
    const { message } = thrown instanceof KeyringError ? thrown : toKmsError(thrown);
    this.#parts.notify({ type: "lifecycle", action: "warning", message });
  }

  #opened(): OpenKeyring {
    if (this.#draining) throw new KeyringError("draining", "The server stops; try again at the one that follows it.");
    if (this.#open === undefined) throw this.#failure;
    return this.#open;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; this.#open === undefined && !signal.aborted; failures++) {
      if (await this.#tryOpen(signal)) break;
      await systemClock.sleep(backoff(failures, times.first, times.most), signal);
    }
    while (!signal.aborted) {
      await this.#tidy(signal);
      if (this.#isCheckpointDue()) this.#comparing = this.#compare();
      await this.#tidySoon.wait(systemClock, this.#untilUpkeep(), signal);
    }
  }

  #untilUpkeep(): number {
    if (this.#port.isMissing) return times.most;
    return this.#port.failure === undefined ? times.upkeep : times.unwell;
  }

  #isCheckpointDue(): boolean {
    if (systemClock.now() - this.#comparedAt < times.upkeep) return false;
    this.#comparedAt = systemClock.now();
    return true;
  }

  async #tryOpen(parent: AbortSignal): Promise<boolean> {
    const { config, store, logins, notify } = this.#parts;
    const signal = AbortSignal.any([parent, AbortSignal.timeout(times.try)]);
    try {
      await store.ready(signal);
      this.#lastBackup = await lastBackup(store, signal);
      const onBackup = async () => {
        this.#lastBackup = await noteBackup(store, systemClock, this.#closing.signal);
      };
      this.#open = await openKeyring({
        config: config.keyring,
        store,
        logins,
        upkeep: servedUpkeep({ store, config }, () => this.#tidySoon.wake()),
        diskBound: async (signal) => {
          await store.ring.load(signal);
          return this.#diskBound();
        },
        notify,
        onBackup,
        signal,
        lasting: parent,
      });
      this.#comparing = this.#compare(this.#open.atStart);
      notify({ type: "lifecycle", action: "serving", message: "The store is open, and requests are served." });
      const warning = this.#backupWarning();
      if (warning !== undefined) notify({ type: "lifecycle", action: "warning", message: warning });
      return true;
    } catch (thrown) {
      if (parent.aborted) return true;
      this.#note(thrown);
      return false;
    }
  }

  #note(thrown: unknown): void {
    const failure = thrown instanceof KeyringError
      ? thrown
      : new KeyringError("store_unavailable", "The store cannot be opened: a failure inside; report it.", {
        cause: thrown,
      });
    const isNew = failure.message !== this.#failure.message;
    this.#failure = failure;
    if (isNew) this.#parts.notify({ type: "lifecycle", action: "warning", message: failure.message });
  }

  /** Renews the certificate, opens the TLS port if it is not open, and removes rows that have expired. */
  async #tidy(signal: AbortSignal): Promise<void> {
    const { store } = this.#parts;
    try {
      if (this.#open !== undefined) await this.#port.keepUp(this.#open.authority, signal);
      await this.#open?.parts.secrets.resume(signal);
      await this.#open?.keepAuditEnd(signal);
      await sweepIdentities({ store, clock: systemClock }, signal);
      await new IdempotencyKeys(store, systemClock).sweep(signal);
    } catch (thrown) {
      if (!signal.aborted) this.#warn(thrown);
    }
  }

  /** The reason why a backup could not be opened elsewhere, by the store keys that were read last. */
  #diskBound(): DiskBoundKeys | undefined {
    return diskBoundKeys(this.#parts.config, this.#parts.store.ring.rows());
  }

  #backupWarning(): string | undefined {
    const bound = this.#diskBound();
    return bound && diskBoundWarning(bound);
  }
}
