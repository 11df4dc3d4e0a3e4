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
  /** With the token and the authorities of now: a renewal changes `token` and `ca` of this object. */
  readonly server: KeyringServer;
}

/** A server whose credentials a renewal changes in place. */
type RenewedServer = Omit<KeyringServer, "token" | "ca"> & { token: string; ca?: string };

interface TokenOwner {
  readonly call: ClectlCall;
  readonly context: Context;
  readonly server: RenewedServer;
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
  chosen: KeyringServer,
  call: ClectlCall,
  timeoutMs: number,
): Promise<LastingToken> {
  const context = await new Contexts(requiredFolders(call.terminal.environment)).read(name);
  const end = new AbortController();
  const signal = AbortSignal.any([call.terminal.signal, end.signal]);
  const server: RenewedServer = { ...chosen, token: kept.token };
  const owner: TokenOwner = { call, context, server, timeoutMs, signal };
  const first = await currentToken(owner, kept);
  let cancel = () => {};
  const wait = (token: LoginToken, ms: number) => {
    if (signal.aborted) return;
    cancel = call.terminal.clock.after(Math.min(ms, maxTimerMs), () => {
      currentToken(owner, token).then(
        (next) => wait(next, next === token ? retryMs : untilDue(next, call)),
        (thrown) => warnOf(owner, "is not renewed any more", thrown),
      );
    });
  };
  wait(first, Math.max(retryMs, untilDue(first, call)));
  return {
    server,
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
  const { call, context, server } = owner;
  if (untilDue(kept, call) > 0) return kept;
  const left = kept.expiresAt - call.terminal.clock.wall();
  try {
    const next = await successor(owner, kept, left > 0);
    if (next === undefined) return kept;
    const { token, ca } = next;
    server.token = token.token;
    if (ca !== undefined) server.ca = ca;
    const write = (contexts: Contexts) => contexts.writeToken(context.name, token);
    await storeRenewal({ server, context: context.name, ca, write }, call);
    return token;
  } catch (thrown) {
    if (owner.signal.aborted || left <= 0 || !(thrown instanceof KmsError || thrown instanceof KeyringError)) {
      throw thrown;
    }
    warnOf(owner, "ends soon and is not renewed", thrown);
    return kept;
  }
}

function warnOf({ call: { terminal, program }, context, signal }: TokenOwner, what: string, thrown: unknown): void {
  if (signal.aborted) return;
  const why = thrown instanceof Error ? thrown.message : "the failure is unknown.";
  line(terminal.stderr, `${program.name}: The token of "${context.name}" ${what}: ${why}`);
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
    const { token: _old, ...withoutToken } = server;
    using client = new KeyringClient(withoutToken, signal, timeoutMs);
    return await exchangedToken(client, login, await jwtInFile(login.jwtFile), clock.wall());
  }
  if (isValid) return undefined;
  const option = machineLoginMethods[login?.method ?? "oidc"];
  const how = `log in again with "${call.program.name} login ${option}"`;
  throw new KmsError("unauthenticated", `The token of the context "${name}" has ended: ${how}.`);
}
