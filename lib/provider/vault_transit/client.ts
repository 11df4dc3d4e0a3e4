/**
 * A client for Vault behind one or more addresses, with failover.
 *
 * @module
 */
import { abortError, deadline } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import { type HttpAnswer, type HttpRequest, HttpsEndpoint, type TlsMaterial } from "../../net/https/endpoint.ts";
import { seconds, type Waits } from "../../base/waits.ts";
import { TlsWatch } from "../../net/https/tls_watch.ts";
import { passesOn } from "./errors.ts";
import { redirectOrigin, type VaultAnswer, vaultAnswer, type VaultCall, vaultHttp, type VaultRequest } from "./http.ts";
import type { VaultTransitSettings } from "./settings.ts";

/** Milliseconds to wait for one address while another has not been tried; an RPC of kube-apiserver has 3 s. */
const patienceMs = 1_000;

/** Sends requests to the address that served last, then to the others in their order. */
export class VaultClient implements Disposable {
  readonly #addresses: readonly string[];
  readonly #namespace: string | undefined;
  readonly #tls: TlsWatch;
  readonly #waits: Waits | undefined;
  #material: TlsMaterial;
  #endpoints: readonly HttpsEndpoint[];
  #preferred = 0;

  private constructor({ addresses, namespace }: VaultTransitSettings, tls: TlsWatch, waits: Waits | undefined) {
    this.#addresses = addresses;
    this.#namespace = namespace;
    this.#tls = tls;
    this.#waits = waits;
    this.#material = tls.material;
    this.#endpoints = this.#connect();
  }

  /**
   * Reads the TLS files. No network access.
   *
   * @param waits records requests without a response.
   * @throws {KmsError} `config` if the files cannot be used.
   */
  static async open(settings: VaultTransitSettings, notify: Notify, waits?: Waits): Promise<VaultClient> {
    const tls = await TlsWatch.open(settings.tls, settings.name, settings.addresses, notify);
    return new VaultClient(settings, tls, waits);
  }

  /**
   * Sends a request and resolves with the response, whatever its status. If no address serves, the last response is
   * returned, because it contains the reason.
   *
   * @throws {KmsError} `unreachable` if no address responded at all; `deadline_exceeded` or `cancelled` when the signal
   *   is aborted.
   */
  async request(request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    await this.#tls.look();
    const endpoints = this.#current();
    const http = vaultHttp(request, this.#namespace);
    const patient = request.patient === true;
    const question = { request, namespace: this.#namespace, origins: endpoints.map(({ origin }) => origin) };
    try {
      return vaultAnswer(await this.#askInTurn(endpoints, http, call, patient), question);
    } catch (thrown) {
      if (!(thrown instanceof KmsError) || thrown.code !== "unreachable") throw thrown;
      await this.#tls.lookNow();
      const others = this.#current();
      if (others === endpoints) throw thrown;
      return vaultAnswer(await this.#askInTurn(others, http, call, patient), question);
    }
  }

  [Symbol.dispose](): void {
    for (const endpoint of this.#endpoints) endpoint[Symbol.dispose]();
  }

  async #askInTurn(
    endpoints: readonly HttpsEndpoint[],
    request: HttpRequest,
    call: VaultCall,
    patient: boolean,
  ): Promise<HttpAnswer> {
    const untried = [...endpoints.slice(this.#preferred), ...endpoints.slice(0, this.#preferred)];
    let answer: HttpAnswer | undefined;
    let failure: KmsError | undefined;
    for (let endpoint = untried.shift(); endpoint !== undefined; endpoint = untried.shift()) {
      try {
        answer = await this.#attempt(endpoint, request, call, !patient && untried.length > 0);
        if (!passesOn(answer)) {
          this.#preferred = endpoints.indexOf(endpoint);
          return answer;
        }
        moveToFront(untried, answer.headers.location);
      } catch (thrown) {
        if (!(thrown instanceof KmsError) || thrown.code !== "unreachable") throw thrown;
        failure = thrown;
      }
    }
    if (answer !== undefined) return answer;
    throw failure ?? new KmsError("config", `Cannot ${call.action}: no address is configured.`);
  }

  async #attempt(
    endpoint: HttpsEndpoint,
    request: HttpRequest,
    call: VaultCall,
    impatient: boolean,
  ): Promise<HttpAnswer> {
    if (!impatient) return await endpoint.ask(request, call);
    using patience = deadline(patienceMs, call.signal);
    try {
      return await endpoint.ask(request, { ...call, signal: patience.signal });
    } catch (thrown) {
      if (call.signal.aborted) throw abortError(call.signal, call.action);
      if (!(thrown instanceof KmsError) || thrown.code !== "deadline_exceeded") throw thrown;
      const silence = `Vault at ${endpoint.address} did not answer within ${seconds(patienceMs)}`;
      throw new KmsError("unreachable", `Cannot ${call.action}: ${silence}.`, { cause: thrown });
    }
  }

  /** The present connections; they are replaced when the TLS files have changed. */
  #current(): readonly HttpsEndpoint[] {
    if (this.#tls.material === this.#material) return this.#endpoints;
    const retired = this.#endpoints;
    this.#material = this.#tls.material;
    this.#endpoints = this.#connect();
    for (const endpoint of retired) endpoint.retire();
    return this.#endpoints;
  }

  #connect(): readonly HttpsEndpoint[] {
    return this.#addresses.map((address) => new HttpsEndpoint("Vault", address, this.#material, this.#waits));
  }
}

/**
 * Moves the active node that a standby names to the front, if it is one of the configured addresses; others are not
 * followed.
 */
function moveToFront(untried: HttpsEndpoint[], location: string | undefined): void {
  const origin = redirectOrigin(location);
  const at = untried.findIndex((endpoint) => endpoint.origin === origin);
  if (at > 0) untried.unshift(...untried.splice(at, 1));
}
