/**
 * Requests through an agent or proxy of Vault's, which logs in by itself and adds its own token.
 *
 * @module
 */
import { abortError, sleep } from "../../base/deadline.ts";
import { refusal } from "./errors.ts";
import type { VaultClient } from "./client.ts";
import type { VaultAnswer, VaultCall, VaultRequest } from "./http.ts";

/** How long an agent has to log in again after its token was refused, in milliseconds before each further try. */
const pauses = [250, 750] as const;

/** Sends requests without a token. */
export class AgentSession implements AsyncDisposable {
  readonly #client: VaultClient;
  readonly #closed = new AbortController();

  constructor(client: VaultClient) {
    this.#client = client;
  }

  /**
   * Sends a request. If Vault answers that the agent's token is not valid any more, the agent logs in, and the request
   * is sent again soon after.
   *
   * @returns Vault's last answer.
   * @throws {KmsError} as {@linkcode VaultClient.request}; `cancelled` once this is disposed.
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
