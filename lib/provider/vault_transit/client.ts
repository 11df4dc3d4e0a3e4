/**
 * Vault behind one or more addresses: which of them to ask, and what to do when one does not serve.
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

/** How long one address may stay silent while another has not been tried; an RPC of kube-apiserver's has 3 s. */
const patienceMs = 1_000;

/** Asks the address that served last, then the others in their order. */
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
   * Reads the TLS files; nothing goes over the network.
   *
   * @param waits where requests without an answer are noted.
   * @throws {KmsError} `config` if they cannot be used.
   */
  static async open(settings: VaultTransitSettings, notify: Notify, waits?: Waits): Promise<VaultClient> {
    const tls = await TlsWatch.open(settings.tls, settings.name, settings.addresses, notify);
    return new VaultClient(settings, tls, waits);
  }

  /**
   * One answer, whatever its status. Where no address serves, the last answer is returned, since it says why.
   *
   * @throws {KmsError} `unreachable` if no address answered at all; `deadline_exceeded` or `cancelled` with the signal.
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

  /** The connections of now: other ones as soon as the TLS files have changed. */
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

/** A standby names the active node; it is followed only to an address that the operator has configured. */
function moveToFront(untried: HttpsEndpoint[], location: string | undefined): void {
  const origin = redirectOrigin(location);
  const at = untried.findIndex((endpoint) => endpoint.origin === origin);
  if (at > 0) untried.unshift(...untried.splice(at, 1));
}
