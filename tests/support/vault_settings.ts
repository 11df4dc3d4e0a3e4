/**
 * Settings of a `vault-transit` provider for tests.
 *
 * @module
 */
import { KmsError } from "../../lib/base/errors.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import type { Provider, ProviderContext } from "../../lib/provider/provider.ts";
import { openVaultTransit } from "../../lib/provider/vault_transit/provider.ts";
import type { VaultAuth, VaultTransitSettings } from "../../lib/provider/vault_transit/settings.ts";
import { Secret, type SecretSource } from "../../lib/base/secret.ts";

/** A call without a deadline. */
export const patient = { signal: new AbortController().signal };

/** A call with a deadline of `ms` milliseconds. */
export function within(ms: number): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(ms) };
}

/** A secret in memory. Its value can be changed; `undefined` makes it unreadable. */
export class MemorySecret implements SecretSource {
  readonly description = "file /etc/trousseau/secret";
  value: string | undefined;

  constructor(value: string | undefined) {
    this.value = value;
  }

  read(): Promise<Secret> {
    return this.value === undefined
      ? Promise.reject(new KmsError("config", "Cannot read /etc/trousseau/secret."))
      : Promise.resolve(new Secret(this.value));
  }
}

/** A secret in a file, read at every call. */
export function fileSecret(path: string): SecretSource {
  return {
    description: `file ${path}`,
    read: async () => new Secret((await Deno.readTextFile(path)).trim()),
  };
}

/** Authentication by a given token. */
export function tokenAuth(token: string): VaultAuth {
  return { method: "token", token: new MemorySecret(token) };
}

/** Authentication by a password; the valid one of the double if left out. */
export function userpassAuth(password = "right"): VaultAuth {
  return { method: "userpass", mount: "userpass", username: "trousseau", password: new MemorySecret(password) };
}

/** Opens a provider named `vault-eu` on `transit/kubernetes` and records its events. */
export async function openVault(
  addresses: string | readonly string[],
  settings: Partial<VaultTransitSettings> = {},
  context: Omit<ProviderContext, "notify"> = {},
): Promise<{ readonly provider: Provider; readonly events: readonly Event[] }> {
  const events: Event[] = [];
  const provider = await openVaultTransit({
    kind: "vault-transit",
    name: "vault-eu",
    addresses: typeof addresses === "string" ? [addresses] : addresses,
    mount: "transit",
    key: "kubernetes",
    auth: tokenAuth("root"),
    tls: {},
    ...settings,
  }, { ...context, notify: (event) => events.push(event) });
  return { provider, events };
}

/** For `assert.rejects`: accepts a KmsError with this code whose message matches. */
export function refusedWith(code: string, sentence: RegExp = /./): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof KmsError)) throw new Error(`not a KmsError: ${error}`);
    if (error.code === code && sentence.test(error.message)) return true;
    throw new Error(`expected ${code} with ${sentence}, got ${error.code}: ${error.message}`);
  };
}
