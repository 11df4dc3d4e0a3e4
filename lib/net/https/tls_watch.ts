/**
 * Current content of the TLS files: read at the start and again while the plugin runs.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { TlsMaterial } from "./endpoint.ts";
import { certificateExpiry, readTlsFiles, sameMaterial, type TlsFiles } from "./tls_files.ts";

/** Minimum interval of checks in milliseconds while connections succeed. */
const checkMs = 10_000;

/** Provides the TLS material. {@linkcode TlsWatch.material} returns a new object after a change. */
export class TlsWatch {
  readonly #files: TlsFiles;
  readonly #provider: string;
  readonly #notify: Notify;
  readonly #watched: boolean;
  #material: TlsMaterial;
  #checkedAt = systemClock.now();
  #check: Promise<void> | undefined;
  #lastWarning = "";

  private constructor(files: TlsFiles, provider: string, notify: Notify, material: TlsMaterial) {
    this.#files = files;
    this.#provider = provider;
    this.#notify = notify;
    const { caFile, certificateFile, keyFile, proxy } = files;
    this.#watched = [caFile, certificateFile, keyFile, proxy?.login].some((one) => one !== undefined);
    this.#material = material;
    this.#notifyExpiry();
  }

  /**
   * Reads the files. No network access.
   *
   * @param addresses the servers' addresses. If one begins with `https:`, a CA certificate must be found.
   * @throws {KmsError} `config` if the files cannot be used.
   */
  static async open(
    files: TlsFiles,
    provider: string,
    addresses: readonly string[],
    notify: Notify,
  ): Promise<TlsWatch> {
    const material = await readTlsFiles(files, provider);
    if (material.ca === undefined && addresses.some((address) => new URL(address).protocol === "https:")) {
      const message = `Cannot open provider "${provider}": this machine trusts no authority; set tls.caFile.`;
      throw new KmsError("config", message);
    }
    return new TlsWatch(files, provider, notify, material);
  }

  /** The material for new connections. The same object until a file changes. */
  get material(): TlsMaterial {
    return this.#material;
  }

  /** Checks whether the files have changed. Concurrent calls share one check. */
  async look(): Promise<void> {
    if (!this.#watched || systemClock.now() - this.#checkedAt < checkMs) return;
    this.#check ??= this.#reload().finally(() => this.#check = undefined);
    await this.#check;
  }

  /** Checks at once. A replaced CA certificate shows as a failed connection. */
  async lookNow(): Promise<void> {
    this.#checkedAt = -Infinity;
    await this.look();
  }

  async #reload(): Promise<void> {
    try {
      const material = await readTlsFiles(this.#files, this.#provider);
      this.#lastWarning = "";
      if (!sameMaterial(material, this.#material)) {
        this.#material = material;
        this.#notifyExpiry();
      }
    } catch (thrown) {
      // Files can be unreadable while they are being replaced. The last material stays in use.
      const message = thrown instanceof KmsError ? thrown.message : "";
      if (message !== this.#lastWarning) this.#notify({ type: "lifecycle", action: "warning", message });
      this.#lastWarning = message;
    }
    this.#checkedAt = systemClock.now();
  }

  #notifyExpiry(): void {
    const expiresAt = certificateExpiry(this.#material);
    if (expiresAt !== undefined) {
      this.#notify({ type: "certificate_lifetime", provider: this.#provider, expiresAt });
    }
  }
}
