/**
 * A machine's token for as long as a command runs: renewed when less than a third of its life is left, and exchanged
 * anew where the context names the file of the JWT.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { line } from "../../terminal.ts";
import { KeyringClient } from "../connection/client.ts";
import type { KeyringServer } from "../connection/transport.ts";
import { type Context, Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import { type LoginToken, machineLoginMethods } from "../contexts/login_token.ts";
import type { ClectlCall } from "../options.ts";
import { exchangedToken, jwtInFile, renewedToken, type TokenGrant } from "./machine_tokens.ts";
import { storeRenewal } from "./stored_renewal.ts";

/** Milliseconds between two attempts while a command runs. */
const retryMs = 30_000;

/** The longest timer in milliseconds: a longer delay is cut off by the runtime. */
const maxTimerMs = 3_600_000;

/** A token, and its renewal in the background. Dispose of it to end the renewal. */
export interface LastingToken extends Disposable {
  /** The text at the beginning of the command. A renewal does not change it. */
  readonly token: string;
}

interface TokenOwner {
  readonly call: ClectlCall;
  readonly context: Context;
  /** Without a token. */
  readonly server: KeyringServer;
  readonly timeoutMs: number;
  /** Aborted at the end of the command. */
  readonly signal: AbortSignal;
}

/**
 * The token of a context, renewed before if it is due.
 *
 * @throws {KmsError} `unauthenticated` if it has expired and cannot be exchanged anew.
 */
export async function lastingToken(
  name: string,
  kept: LoginToken,
  { token: _old, ...server }: KeyringServer,
  call: ClectlCall,
  timeoutMs: number,
): Promise<LastingToken> {
  const context = await new Contexts(requiredFolders(call.terminal.environment)).read(name);
  const end = new AbortController();
  const signal = AbortSignal.any([call.terminal.signal, end.signal]);
  const owner: TokenOwner = { call, context, server, timeoutMs, signal };
  const first = await currentToken(owner, kept);
  let cancel = () => {};
  const wait = (token: LoginToken, ms: number) => {
    if (signal.aborted) return;
    cancel = call.terminal.clock.after(Math.min(ms, maxTimerMs), () => {
      currentToken(owner, token).then(
        (next) => wait(next, next === token ? retryMs : untilDue(next, call)),
        // The next request says why the token is refused.
        () => {},
      );
    });
  };
  wait(first, Math.max(retryMs, untilDue(first, call)));
  return {
    token: first.token,
    [Symbol.dispose]() {
      end.abort();
      cancel();
    },
  };
}

/** Milliseconds until less than a third of the life is left. */
function untilDue({ issuedAt, expiresAt }: LoginToken, { terminal }: ClectlCall): number {
  return expiresAt - (expiresAt - issuedAt) / 3 - terminal.clock.wall();
}

/** The token itself, or its successor. A renewal that fails is a warning as long as the token is valid. */
async function currentToken(owner: TokenOwner, kept: LoginToken): Promise<LoginToken> {
  const { call, context } = owner;
  if (untilDue(kept, call) > 0) return kept;
  const left = kept.expiresAt - call.terminal.clock.wall();
  try {
    const next = await successor(owner, kept, left > 0);
    if (next === undefined) return kept;
    const { token, ca } = next;
    const write = (contexts: Contexts) => contexts.writeToken(context.name, token);
    await storeRenewal({ server: owner.server, context: context.name, ca, write }, call);
    return token;
  } catch (thrown) {
    if (owner.signal.aborted || left <= 0 || !(thrown instanceof KmsError || thrown instanceof KeyringError)) {
      throw thrown;
    }
    line(
      call.terminal.stderr,
      `${call.program.name}: The token of "${context.name}" ends soon and is not renewed: ${thrown.message}`,
    );
    return kept;
  }
}

/** @returns `undefined` if the token is valid and can only be used up. */
async function successor(owner: TokenOwner, kept: LoginToken, isValid: boolean): Promise<TokenGrant | undefined> {
  const { call, context: { name, login }, server, timeoutMs, signal } = owner;
  const { clock } = call.terminal;
  if (isValid && kept.renewableUntil > kept.expiresAt) {
    using client = new KeyringClient({ ...server, token: kept.token }, signal, timeoutMs);
    return await renewedToken(client, kept, clock.wall());
  }
  if (login?.jwtFile !== undefined) {
    using client = new KeyringClient(server, signal, timeoutMs);
    return await exchangedToken(client, login, await jwtInFile(login.jwtFile), clock.wall());
  }
  if (isValid) return undefined;
  const option = machineLoginMethods[login?.method ?? "oidc"];
  const how = `log in again with "${call.program.name} login ${option}"`;
  throw new KmsError("unauthenticated", `The token of the context "${name}" has ended: ${how}.`);
}
