/**
 * Azure's clouds: the domains of their vaults, and the issuers of their tokens.
 *
 * @module
 */

/** One cloud. */
interface Cloud {
  /** Domains of Key Vault and Managed HSM. A token for `https://` and the domain is valid for every vault in it. */
  readonly domains: readonly [keyVault: string, managedHsm: string];
  /** Origins of Microsoft Entra ID; the first one is the default. */
  readonly authorities: readonly [string, ...string[]];
}

/**
 * From "National clouds" of the Microsoft identity platform and "About keys, secrets and certificates" of Key Vault.
 */
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

/** The cloud of a vault, with its domain. */
export interface Place {
  /** The resource of tokens: `https://` and the domain. */
  readonly resource: string;
  /** Origins of the token issuer; the first one is the default. */
  readonly authorities: readonly [string, ...string[]];
}

/** The cloud of a vault from its origin; `undefined` if the host is in none of Azure's domains. */
export function placeOf(vault: string): Place | undefined {
  for (const { domains, authorities } of Object.values<Cloud>(clouds)) {
    const domain = domains.find((one) => isBelow(vault, `https://${one}`));
    if (domain !== undefined) return { resource: `https://${domain}`, authorities };
  }
  return undefined;
}

/**
 * Whether the vault's host is that of the resource or in its domain: only then may a token for that resource be sent to
 * it.
 */
export function isBelow(vault: string, resource: string): boolean {
  const [host, domain] = [new URL(vault).hostname, new URL(resource).hostname];
  return host === domain || host.endsWith(`.${domain}`);
}
