/**
 * The login of a context for as long as a command runs: its credentials are renewed before they end, at the start and in
 * the background.
 *
 * @module
 */
import type { KeyringServer } from "../connection/transport.ts";
import type { ChosenServer } from "../contexts/chosen_server.ts";
import type { ClectlCall } from "../options.ts";
import { type LoginOwner, type LoginRenewal, warnOfLogin } from "./login_renewal.ts";

/** The longest timer in milliseconds: a longer delay is cut off by the runtime. */
const maxTimerMs = 3_600_000;

/** Credentials that are renewed in the background. Dispose of it to end the renewals. */
export interface LastingLogin extends Disposable {
  /** With the credentials and the authorities of now: a renewal changes `certificate`, `token` and `ca` of this object. */
  readonly server: KeyringServer;
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
