/**
 * Advice about the settings of a key in Azure Key Vault.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import type { AzureKeyVaultSettings } from "./settings.ts";

/** The folders in which the kubelet mounts service account tokens, and Azure's webhook its tokens. */
const mountedTokens = ["/var/run/secrets/kubernetes.io/", "/var/run/secrets/azure/tokens/"] as const;

/** See {@linkcode ProviderAdvice}. */
export function azureKeyVaultAdvice(settings: AzureKeyVaultSettings): ProviderAdvice {
  return {
    warnings: warnings(settings),
    rotation: { by: "command", command: rotateCommand(settings) },
    pendingCreation: () => Promise.resolve(undefined),
  };
}

function warnings({ auth, version, unwrapAlgorithms }: AzureKeyVaultSettings): readonly string[] {
  const mounted = auth.method === "workload-identity" &&
    mountedTokens.some((folder) => auth.token.description.includes(folder));
  return [
    ...(version === undefined ? [] : [
      "It is pinned to one version: a rotation in the vault is not followed. Leave version out to follow it; what was " +
      "wrapped before still opens.",
    ]),
    ...(mounted
      ? [
        "Its federated token comes from an API server. If it is the one that this plugin serves, there is no new token " +
        "while that is down: use one that something else issues and renews, or a managed identity.",
      ]
      : []),
    ...(unwrapAlgorithms.includes("RSA1_5")
      ? [
        "RSA1_5 is taken for unwrapping: who can write to etcd and see the answers may try ciphertexts until one fits. " +
        "Rewrite what it wrapped and take it out of unwrapAlgorithms.",
      ]
      : []),
  ];
}

/** The command of the Azure CLI that adds a version; the old versions keep their attributes. */
function rotateCommand({ vault, key }: AzureKeyVaultSettings): string {
  return `az keyvault key rotate --id ${vault}/keys/${key}`;
}
