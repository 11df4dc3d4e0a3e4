/**
 * The login of a context for as long as a command runs: its credentials are renewed before they end, at the start and in
 * the background.
 *
 * @module
 */
import type { ClientCertificate, KeyringServer } from "../connection/transport.ts";
import type { ChosenServer } from "../contexts/chosen_server.ts";
import { line } from "../../terminal.ts";
import type { ClectlCall } from "../options.ts";

/** The longest timer in milliseconds: a longer delay is cut off by the runtime. */
const maxTimerMs = 3_600_000;

/** Credentials that are renewed in the background. Dispose of it to end the renewals. */
export interface LastingLogin extends Disposable {
  /** With the credentials and the authorities of now: a renewal changes `certificate`, `token` and `ca` of this object. */
  readonly server: KeyringServer;
}

/** A server whose credentials a renewal changes in place. */
export interface RenewedServer extends KeyringServer {
  certificate?: ClientCertificate;
  token?: string;
  ca?: string;
}

/** The command that a login belongs to. */
export interface LoginOwner {
  readonly call: ClectlCall;
  /** The name of the context. */
  readonly context: string;
  readonly server: RenewedServer;
  /** Milliseconds for a request. */
  readonly timeoutMs: number;
  /** Aborted at the end of the command. */
  readonly signal: AbortSignal;
}

/** The renewal of one kind of credentials. */
export interface LoginRenewal {
  readonly subject: "certificate" | "token";
  /**
   * Renews the credentials if they end soon. A failure is a warning as long as they are valid.
   *
   * @returns milliseconds until it is to be called again.
   * @throws {KmsError} `unauthenticated` if they have ended.
   */
  keepUp(): Promise<number>;
}

/**
 * The login of a context, renewed before if it is due.
 *
 * @returns `undefined` for a server without credentials that can be renewed.
 * @throws {KmsError} `unauthenticated` if the credentials have ended.
 */
export async function lastingLogin(
  chosen: ChosenServer,
  call: ClectlCall,
  timeoutMs: number,
): Promise<LastingLogin | undefined> {
  const { context, loginToken, server: { certificate } } = chosen;
  if (context === undefined || (certificate === undefined && loginToken === undefined)) return undefined;
  const end = new AbortController();
  const signal = AbortSignal.any([call.terminal.signal, end.signal]);
  const owner: LoginOwner = { call, context, server: { ...chosen.server }, timeoutMs, signal };
  const renewals: LoginRenewal[] = [];
  if (certificate !== undefined) {
    renewals.push(new (await import("./certificate_renewal.ts")).CertificateRenewal(owner, certificate));
  }
  if (loginToken !== undefined) {
    renewals.push(await (await import("./token_renewal.ts")).TokenRenewal.open(owner, loginToken));
  }
  const running = new Map<LoginRenewal, number>();
  for (const renewal of renewals) running.set(renewal, await renewal.keepUp());
  const timers = [...running].map(([renewal, ms]) => inBackground(owner, renewal, ms));
  return {
    server: owner.server,
    [Symbol.dispose]() {
      end.abort();
      for (const cancel of timers) cancel();
    },
  };
}

/** @returns a function that ends it. */
function inBackground(owner: LoginOwner, renewal: LoginRenewal, firstMs: number): () => void {
  let cancel = () => {};
  const wait = (ms: number) => {
    if (owner.signal.aborted) return;
    cancel = owner.call.terminal.clock.after(Math.min(ms, maxTimerMs), () => {
      renewal.keepUp().then(wait, (thrown) => warnOfLogin(owner, renewal, "is not renewed any more", thrown));
    });
  };
  wait(firstMs);
  return () => cancel();
}

/** Says on standard error that something of a renewal failed, unless the command has ended. */
export function warnOfLogin(
  { call: { terminal, program }, context, signal }: LoginOwner,
  { subject }: Pick<LoginRenewal, "subject">,
  what: string,
  thrown: unknown,
): void {
  if (signal.aborted) return;
  const why = thrown instanceof Error ? thrown.message : "the failure is unknown.";
  line(terminal.stderr, `${program.name}: The ${subject} of "${context}" ${what}: ${why}`);
}
