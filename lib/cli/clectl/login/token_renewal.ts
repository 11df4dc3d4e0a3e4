/**
 * The renewal of a machine's token: when less than a third of its life is left, it is renewed, or exchanged anew where the
 * context names the file of the JWT.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { KeyringClient } from "../connection/client.ts";
import { type Context, Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import { type LoginToken, machineLoginMethods } from "../contexts/login_token.ts";
import { type LoginOwner, type LoginRenewal, warnOfLogin } from "./login_renewal.ts";
import { exchangedToken, jwtInFile, renewedToken, type TokenGrant } from "./machine_tokens.ts";
import { storeRenewal } from "./stored_renewal.ts";

/** The least number of milliseconds between two attempts while a command runs. */
const retryMs = 30_000;

/** See the module. */
export class TokenRenewal implements LoginRenewal {
  readonly subject = "token";
  readonly #owner: LoginOwner;
  readonly #context: Context;
  /** The tokens of this command: a token of another login is not replaced by one of them. */
  readonly #own = new Set<string>();
  #token: LoginToken;

  private constructor(owner: LoginOwner, context: Context, token: LoginToken) {
    this.#owner = owner;
    this.#context = context;
    this.#token = token;
    this.#own.add(token.token);
  }

  /** @throws {KmsError} `config` if the context cannot be read. */
  static async open(owner: LoginOwner, token: LoginToken): Promise<TokenRenewal> {
    const { context, call: { terminal } } = owner;
    return new TokenRenewal(owner, await new Contexts(requiredFolders(terminal.environment)).read(context), token);
  }

  async keepUp(): Promise<number> {
    const { signal, call: { terminal } } = this.#owner;
    if (this.#untilDue() <= 0) {
      const left = this.#token.expiresAt - terminal.clock.wall();
      try {
        const next = await this.#successor(left > 0);
        if (next !== undefined) await this.#use(next);
      } catch (thrown) {
        if (signal.aborted || left <= 0 || !(thrown instanceof KmsError || thrown instanceof KeyringError)) {
          throw thrown;
        }
        warnOfLogin(this.#owner, this, "ends soon and is not renewed", thrown);
      }
    }
    return Math.max(retryMs, this.#untilDue());
  }

  /** Milliseconds until less than a third of the life is left. */
  #untilDue(): number {
    const { issuedAt, expiresAt } = this.#token;
    return expiresAt - (expiresAt - issuedAt) / 3 - this.#owner.call.terminal.clock.wall();
  }

  async #use({ token, ca }: TokenGrant): Promise<void> {
    const { server, context, call } = this.#owner;
    this.#token = token;
    server.token = token.token;
    if (ca !== undefined) server.ca = ca;
    await storeRenewal({
      server,
      context,
      ca,
      isHeld: async (contexts) => this.#own.has((await contexts.token(context))?.token ?? ""),
      write: (contexts) => contexts.writeToken(context, token),
    }, call);
    this.#own.add(token.token);
  }

  /** @returns `undefined` if the token is valid and can only be used up. */
  async #successor(isValid: boolean): Promise<TokenGrant | undefined> {
    const { call, server, timeoutMs, signal } = this.#owner;
    const [{ name, login }, kept] = [this.#context, this.#token];
    const { clock } = call.terminal;
    if (isValid && kept.renewableUntil > kept.expiresAt) {
      using client = new KeyringClient({ ...server, token: kept.token }, signal, timeoutMs);
      return await renewedToken(client, kept, clock.wall());
    }
    if (login?.jwtFile !== undefined) {
      const { token: _old, ...withoutToken } = server;
      using client = new KeyringClient(withoutToken, signal, timeoutMs);
      return await exchangedToken(client, login, await jwtInFile(login.jwtFile), clock.wall());
    }
    if (isValid) return undefined;
    const option = machineLoginMethods[login?.method ?? "oidc"];
    const how = `log in again with "${call.program.name} login ${option}"`;
    throw new KmsError("unauthenticated", `The token of the context "${name}" has ended: ${how}.`);
  }
}
