/**
 * The TLS files as they are now: read at the start, and again while the plugin runs.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { TlsMaterial } from "./endpoint.ts";
import { certificateExpiry, readTlsFiles, sameMaterial, type TlsFiles } from "./tls_files.ts";

/** How often the files are looked at, at most, while the server can be spoken to. */
const lookMs = 10_000;

/** Tells by another object in {@linkcode TlsWatch.material} that something has changed. */
export class TlsWatch {
  readonly #files: TlsFiles;
  readonly #provider: string;
  readonly #notify: Notify;
  readonly #watched: boolean;
  #material: TlsMaterial;
  #lookedAt = systemClock.now();
  #looking: Promise<void> | undefined;
  #complaint = "";

  private constructor(files: TlsFiles, provider: string, notify: Notify, material: TlsMaterial) {
    this.#files = files;
    this.#provider = provider;
    this.#notify = notify;
    const { caFile, certificateFile, keyFile, proxy } = files;
    this.#watched = [caFile, certificateFile, keyFile, proxy?.login].some((one) => one !== undefined);
    this.#material = material;
    this.#tellExpiry();
  }

  /**
   * Reads the files; nothing goes over the network.
   *
   * @param addresses what will be spoken to; where one begins with `https:`, somebody has to be trusted.
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

  /** What a connection is to be made with. The same object until it changes. */
  get material(): TlsMaterial {
    return this.#material;
  }

  /** Looks whether the files have changed. All calls of one moment wait for the same look. */
  async look(): Promise<void> {
    if (!this.#watched || systemClock.now() - this.#lookedAt < lookMs) return;
    this.#looking ??= this.#reload().finally(() => this.#looking = undefined);
    await this.#looking;
  }

  /** Looks at once, since an authority that was replaced shows as a connection that fails. */
  async lookNow(): Promise<void> {
    this.#lookedAt = -Infinity;
    await this.look();
  }

  async #reload(): Promise<void> {
    try {
      const material = await readTlsFiles(this.#files, this.#provider);
      this.#complaint = "";
      if (!sameMaterial(material, this.#material)) {
        this.#material = material;
        this.#tellExpiry();
      }
    } catch (thrown) {
      // Files in the middle of being replaced are no reason to stop: what was read last serves on.
      const message = thrown instanceof KmsError ? thrown.message : "";
      if (message !== this.#complaint) this.#notify({ type: "lifecycle", action: "warning", message });
      this.#complaint = message;
    }
    this.#lookedAt = systemClock.now();
  }

  #tellExpiry(): void {
    const expiresAt = certificateExpiry(this.#material);
    if (expiresAt !== undefined) {
      this.#notify({ type: "certificate_lifetime", provider: this.#provider, expiresAt });
    }
  }
}
