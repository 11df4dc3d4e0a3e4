/**
 * Vault behind one or more addresses: which of them to ask, and what to do when one does not serve.
 *
 * @module
 */
import { abortError, deadline } from "../../deadline.ts";
import { KmsError } from "../../errors.ts";
import type { Notify } from "../../events.ts";
import { passesOn } from "./answers.ts";
import { Endpoint, type TlsMaterial, type VaultAnswer, type VaultCall, type VaultRequest } from "./http.ts";
import type { VaultTransitSettings } from "./settings.ts";
import { certificateExpiry, readTlsFiles, sameMaterial } from "./tls_files.ts";

/** How long one address may stay silent while another has not been tried; an RPC of kube-apiserver's has 3 s. */
const patienceMs = 1_000;
/** How often the TLS files are looked at, at most, while some address can be spoken to. */
const lookMs = 10_000;

/** Asks the address that served last, then the others in their order. */
export class VaultClient implements Disposable {
  readonly #settings: VaultTransitSettings;
  readonly #notify: Notify;
  #material: TlsMaterial;
  #endpoints: readonly Endpoint[];
  #preferred = 0;
  #lookedAt: number;
  #looking: Promise<void> | undefined;
  #complaint = "";

  private constructor(settings: VaultTransitSettings, notify: Notify, material: TlsMaterial) {
    this.#settings = settings;
    this.#notify = notify;
    this.#material = material;
    this.#endpoints = this.#connect(material);
    this.#lookedAt = Date.now();
  }

  /**
   * Reads the TLS files; nothing goes over the network.
   *
   * @throws {KmsError} `config` if they cannot be used.
   */
  static async open(settings: VaultTransitSettings, notify: Notify): Promise<VaultClient> {
    const material = await readTlsFiles(settings.tls, settings.name);
    if (material.ca === undefined && settings.addresses.some((address) => new URL(address).protocol === "https:")) {
      throw new KmsError(
        "config",
        `Cannot open provider "${settings.name}": this machine trusts no authority; set tls.caFile.`,
      );
    }
    return new VaultClient(settings, notify, material);
  }

  /**
   * One answer, whatever its status. Where no address serves, the last answer is returned, since it says why.
   *
   * @throws {KmsError} `unreachable` if no address answered at all; `deadline_exceeded` or `cancelled` with the signal.
   */
  async request(request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    await this.#look();
    const endpoints = this.#endpoints;
    try {
      return await this.#askInTurn(endpoints, request, call);
    } catch (thrown) {
      if (!(thrown instanceof KmsError) || thrown.code !== "unreachable") throw thrown;
      // An authority that was replaced shows as a connection that fails.
      this.#lookedAt = 0;
      await this.#look();
      if (this.#endpoints === endpoints) throw thrown;
      return await this.#askInTurn(this.#endpoints, request, call);
    }
  }

  [Symbol.dispose](): void {
    for (const endpoint of this.#endpoints) endpoint[Symbol.dispose]();
  }

  async #askInTurn(endpoints: readonly Endpoint[], request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    const untried = [...endpoints.slice(this.#preferred), ...endpoints.slice(0, this.#preferred)];
    let answer: VaultAnswer | undefined;
    let failure: KmsError | undefined;
    for (let endpoint = untried.shift(); endpoint !== undefined; endpoint = untried.shift()) {
      try {
        answer = await this.#attempt(endpoint, request, call, untried.length > 0);
        if (!passesOn(answer)) {
          this.#preferred = endpoints.indexOf(endpoint);
          return answer;
        }
        moveToFront(untried, answer.location);
      } catch (thrown) {
        if (!(thrown instanceof KmsError) || thrown.code !== "unreachable") throw thrown;
        failure = thrown;
      }
    }
    if (answer !== undefined) return answer;
    throw failure ?? new KmsError("config", `Cannot ${call.action}: no address is configured.`);
  }

  async #attempt(endpoint: Endpoint, request: VaultRequest, call: VaultCall, impatient: boolean): Promise<VaultAnswer> {
    if (!impatient) return await endpoint.ask(request, call);
    using patience = deadline(patienceMs, call.signal);
    try {
      return await endpoint.ask(request, { ...call, signal: patience.signal });
    } catch (thrown) {
      if (call.signal.aborted) throw abortError(call.signal, call.action);
      if (!patience.signal.aborted) throw thrown;
      const message = `Cannot ${call.action}: Vault at ${endpoint.origin} did not answer within a second.`;
      throw new KmsError("unreachable", message);
    }
  }

  #connect(material: TlsMaterial): readonly Endpoint[] {
    const expiresAt = certificateExpiry(material);
    if (expiresAt !== undefined) {
      this.#notify({ type: "certificate_lifetime", provider: this.#settings.name, expiresAt });
    }
    return this.#settings.addresses.map((address) => new Endpoint(address, material, this.#settings.namespace));
  }

  /** Looks whether the TLS files have changed. All calls of one moment wait for the same look. */
  async #look(): Promise<void> {
    const { caFile, certificateFile, keyFile } = this.#settings.tls;
    if (caFile === undefined && certificateFile === undefined && keyFile === undefined) return;
    if (Date.now() - this.#lookedAt < lookMs) return;
    this.#looking ??= this.#reload().finally(() => this.#looking = undefined);
    await this.#looking;
  }

  async #reload(): Promise<void> {
    try {
      const material = await readTlsFiles(this.#settings.tls, this.#settings.name);
      this.#complaint = "";
      if (!sameMaterial(material, this.#material)) {
        const retired = this.#endpoints;
        this.#endpoints = this.#connect(material);
        this.#material = material;
        for (const endpoint of retired) endpoint.retire();
      }
    } catch (thrown) {
      // Files in the middle of being replaced are no reason to stop: what was read last serves on.
      const message = thrown instanceof KmsError ? thrown.message : "";
      if (message !== this.#complaint) this.#notify({ type: "lifecycle", action: "warning", message });
      this.#complaint = message;
    }
    this.#lookedAt = Date.now();
  }
}

/** A standby names the active node; it is followed only to an address that the operator has configured. */
function moveToFront(untried: Endpoint[], location: string | undefined): void {
  const origin = location === undefined || !URL.canParse(location) ? undefined : new URL(location).origin;
  const at = untried.findIndex((endpoint) => endpoint.origin === origin);
  if (at > 0) untried.unshift(...untried.splice(at, 1));
}
