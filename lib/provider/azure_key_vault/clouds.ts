/**
 * Azure's clouds: under which domains vaults live, and where their tokens come from.
 *
 * @module
 */

/** One cloud. */
interface Cloud {
  /** Of Key Vault and of Managed HSM. A token for `https://` and the domain is good for every vault below it. */
  readonly domains: readonly [keyVault: string, managedHsm: string];
  /** Microsoft Entra ID's origins; the first one is asked unless the operator names another of them. */
  readonly authorities: readonly [string, ...string[]];
}

/** As in "National clouds" of the Microsoft identity platform and "About keys, secrets and certificates" of Key Vault. */
export const clouds = {
  public: {
    domains: ["vault.azure.net", "managedhsm.azure.net"],
    authorities: ["https://login.microsoftonline.com"],
  },
  china: {
    domains: ["vault.azure.cn", "managedhsm.azure.cn"],
    authorities: ["https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"],
  },
  usGovernment: {
    domains: ["vault.usgovcloudapi.net", "managedhsm.usgovcloudapi.net"],
    authorities: ["https://login.microsoftonline.us"],
  },
} as const satisfies Record<string, Cloud>;

/** Where a vault belongs. */
export interface Place {
  readonly resource: string;
  readonly authorities: readonly [string, ...string[]];
}

/** The cloud of a vault by its origin; `undefined` where the host lies in no domain of Azure's. */
export function placeOf(vault: string): Place | undefined {
  for (const { domains, authorities } of Object.values<Cloud>(clouds)) {
    const domain = domains.find((one) => isBelow(vault, `https://${one}`));
    if (domain !== undefined) return { resource: `https://${domain}`, authorities };
  }
  return undefined;
}

/** Whether the vault's host is the resource's or lies in its domain: only then may it see a token for that resource. */
export function isBelow(vault: string, resource: string): boolean {
  const [host, domain] = [new URL(vault).hostname, new URL(resource).hostname];
  return host === domain || host.endsWith(`.${domain}`);
}
