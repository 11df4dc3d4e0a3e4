/**
 * An opened provider of kind `azure-key-vault` with a double of Key Vault.
 *
 * @module
 */
import { openAzure } from "./azure_settings.ts";
import { KeyVaultDouble, type SeenRequest } from "./key_vault_double.ts";
import type { Provider } from "../../lib/provider/provider.ts";

export const dek = new Uint8Array(47).fill(7);

export const key = "kubernetes";

export async function withVault(work: (double: KeyVaultDouble, provider: Provider) => Promise<void>): Promise<void> {
  await using double = await KeyVaultDouble.start();
  await using provider = (await openAzure(double)).provider;
  await work(double, provider);
}

/** The requests with a token: `GET`, or the operation and its version. */
export function tokenRequests({ requests }: KeyVaultDouble): readonly string[] {
  return requests.filter(({ token }) => token !== undefined).map(({ method, path }: SeenRequest) => {
    const [, , , ...rest] = path.split("/");
    return method === "GET" ? "GET" : `${rest.at(-1)}${rest.length === 1 ? "" : " pinned"}`;
  });
}
