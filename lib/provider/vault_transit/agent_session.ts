/**
 * Requests through a Vault agent or proxy, which logs in by itself and adds its own token.
 *
 * @module
 */
import { abortError, sleep } from "../../base/deadline.ts";
import { refusal } from "./errors.ts";
import type { VaultClient } from "./client.ts";
import type { VaultAnswer, VaultCall, VaultRequest } from "./http.ts";

/**
 * Milliseconds before each further try after the agent's token was refused; the agent logs in again in the meantime.
 */
const pauses = [250, 750] as const;

/** Sends requests without a token. */
export class AgentSession implements AsyncDisposable {
  readonly #client: VaultClient;
  readonly #closed = new AbortController();

  constructor(client: VaultClient) {
    this.#client = client;
  }

  /**
   * Sends a request. If Vault answers that the agent's token is no longer valid, it sends the request again after a
   * pause in which the agent logs in.
   *
   * @returns Vault's last response.
   * @throws {KmsError} as {@linkcode VaultClient.request}; `cancelled` after disposal.
   */
  async request(request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    let answer = await this.#send(request, call);
    for (const pause of pauses) {
      if (answer.status !== 403 || refusal(answer, call.action).code !== "unauthenticated") break;
      await sleep(pause, call.signal);
      answer = await this.#send(request, call);
    }
    return answer;
  }

  async #send(request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    if (this.#closed.signal.aborted) throw abortError(this.#closed.signal, call.action);
    return await this.#client.request(request, call);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    return Promise.resolve();
  }
}
