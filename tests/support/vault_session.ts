/**
 * A login to a double of Vault, and waits for its events.
 *
 * @module
 */
import type { Event } from "../../lib/telemetry/events.ts";
import { waitFor } from "./processes.ts";
import type { VaultDouble } from "./vault_double.ts";
import { MemorySecret } from "./vault_settings.ts";
import type { VaultAuth } from "../../lib/provider/vault_transit/settings.ts";

export const userpass = (password = "right"): VaultAuth => ({
  method: "userpass",
  mount: "userpass",
  username: "trousseau",
  password: new MemorySecret(password),
});

/** A GET of that path checks the mount and is not a login. */
export const logins = (vault: VaultDouble) =>
  vault.requests.filter(({ method, path }) => method === "POST" && /^auth\/.+\/login/.test(path));

export const results = (events: readonly Event[], type: "login" | "token_renewed") =>
  events.flatMap((event) => event.type === type ? [event.result] : []);

/** Waits for an event that does not depend on the session's clock. */
export function until(what: string, isSo: () => boolean): Promise<unknown> {
  return waitFor(what, isSo, { timeoutMs: 20_000, everyMs: 2 });
}

/** The number of requests that were answered with 403. */
export function refusals(vault: VaultDouble): () => number {
  let count = 0;
  const before = vault.answered;
  vault.answered = (status) => {
    before?.(status);
    if (status === 403) count++;
  };
  return () => count;
}
