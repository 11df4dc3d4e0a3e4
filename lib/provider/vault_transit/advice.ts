/**
 * Advice about the settings of a Vault transit key.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import { addressOf } from "../../net/https/address.ts";
import { writableByAll } from "../writable_by_all.ts";
import type { VaultTransitSettings } from "./settings.ts";

/** The folder in which the kubelet mounts service account tokens. */
const serviceAccountFolder = "/var/run/secrets/kubernetes.io/";

/** See {@linkcode ProviderAdvice}. */
export function vaultTransitAdvice(settings: VaultTransitSettings): ProviderAdvice {
  return {
    warnings: warnings(settings),
    rotation: { by: "command", command: rotateCommand(settings) },
    pendingCreation: () => Promise.resolve(undefined),
  };
}

/**
 * Vault's Kubernetes auth sends a TokenReview to an API server at every login. If this plugin serves that API server,
 * there is a cycle: the API server waits for the plugin, the plugin for Vault, and Vault for the API server. Reading
 * which API server Vault uses requires permissions that the plugin does not need, so the warning is given whenever it
 * is possible.
 */
function warnings({ auth, addresses }: VaultTransitSettings): readonly string[] {
  if (auth.method === "agent") return addresses.flatMap(openAgent);
  if (auth.method === "kubernetes") {
    return [
      "Vault asks an API server to check each login by Kubernetes auth. If it is the one that this plugin serves, neither " +
      "starts without the other: use approle, cert or jwt for that cluster.",
    ];
  }
  if (auth.method === "approle" && auth.secretId === undefined) {
    return [
      "Its role ID is the only secret of its login: give it by a file of mode 0600, and bind the role to the addresses of " +
      "its nodes (secret_id_bound_cidrs, token_bound_cidrs).",
    ];
  }
  const mounted = auth.method === "jwt" && auth.jwt.description.includes(serviceAccountFolder);
  return mounted
    ? [
      "Its JWT comes from an API server. If it is the one that this plugin serves, there is no new token while that is " +
      "down: use one that something else issues and renews.",
    ]
    : [];
}

/** Any client that can connect to an agent which adds its own token can use the key. */
function openAgent(address: string): readonly string[] {
  const { socketPath } = addressOf(address);
  if (socketPath === undefined) {
    return [
      `Every process of this machine can reach the agent at ${address}, and so use the key: give the agent a listener of ` +
      "type unix with socket_mode, socket_user and socket_group.",
    ];
  }
  return writableByAll(socketPath)
    ? [
      `Every user of this machine may connect to ${socketPath}, and so use the key: set socket_mode to 0660, and ` +
      "socket_user and socket_group too (Vault heeds the mode only if all three are set).",
    ]
    : [];
}

/** The command for `vault`; OpenBao's `bao` takes the same arguments. */
function rotateCommand({ addresses: [address], namespace, mount, key }: VaultTransitSettings): string {
  return [
    "vault write -f",
    ...(address === undefined ? [] : [quoted(`-address=${address}`)]),
    ...(namespace === undefined ? [] : [quoted(`-namespace=${namespace}`)]),
    quoted(`${mount}/keys/${key}/rotate`),
  ].join(" ");
}

/** `word` as one word of a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
