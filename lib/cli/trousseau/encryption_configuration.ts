/**
 * The file that configures kube-apiserver for encryption: `EncryptionConfiguration` of `apiserver.config.k8s.io/v1`,
 * with the order of steps in its comments.
 *
 * @module
 */
import type { EncryptionConfigurationOptions } from "./encryption_options.ts";
import { commentBlock, firstSteps } from "./encryption_steps.ts";
import { socketEndpoint } from "../../config/socket_path.ts";

/** The defaults of the options of `encryption-config`. */
export const encryptionDefaults = {
  resources: ["secrets", "configmaps"],
  name: "trousseau",
  kmsVersion: "v2",
  identity: "last",
  steps: true,
} as const satisfies Omit<EncryptionConfigurationOptions, "socketPath">;

/** The YAML with a newline at its end. */
export function encryptionConfiguration(options: EncryptionConfigurationOptions): string {
  const { identity, resources } = options;
  const providers = [
    ...(identity === "first" ? [["identity: {}"]] : []),
    kmsProvider(options),
    ...(identity === "last" ? [["identity: {}"]] : []),
  ];
  const lines = [
    ...(options.steps ? commentBlock(firstSteps(options), options.subject) : []),
    "apiVersion: apiserver.config.k8s.io/v1",
    "kind: EncryptionConfiguration",
    "resources:",
    "  - resources:",
    ...resources.map((resource) => `      - ${scalar(resource)}`),
    "    providers:",
    ...providers.flatMap((provider) =>
      provider.map((text, index) => `${index === 0 ? "      - " : "        "}${text}`)
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** The lines of Trousseau's `kms` provider. */
export function kmsProvider(
  { name, socketPath, kmsVersion }: Pick<EncryptionConfigurationOptions, "name" | "socketPath" | "kmsVersion">,
): readonly string[] {
  return [
    "kms:",
    `  apiVersion: ${kmsVersion === "v2" ? "v2" : "v1"}`,
    `  name: ${scalar(name)}`,
    `  endpoint: ${scalar(socketEndpoint(socketPath))}`,
    "  timeout: 3s",
    // Only KMS v1beta1 has a cache with a configurable size; for v2 the API server refuses the field.
    ...(kmsVersion === "v1beta1" ? ["  cachesize: 1000"] : []),
  ];
}

/** A YAML scalar: plain if it can only be read as text, otherwise quoted as JSON, which is valid YAML. */
function scalar(text: string): string {
  const plain = /^[A-Za-z/][A-Za-z0-9._/-]*(:\/\/[A-Za-z0-9._/%-]+)?$/.test(text);
  const isWord = /^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain && !isWord ? text : JSON.stringify(text);
}
