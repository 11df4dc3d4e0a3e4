/**
 * A short working configuration for each kind of provider, as `docs/configuration.md` shows it.
 *
 * @module
 */
import type { ProviderKind } from "../../lib/provider/registry.ts";

const examples = {
  "aws-kms": `providers:
  - name: aws
    kind: aws-kms
    key: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    encryptionContext: { cluster: prod }
    auth: { method: instance-metadata }`,
  "azure-key-vault": `providers:
  - name: azure
    kind: azure-key-vault
    vault: https://kubernetes-prod.vault.azure.net
    key: kubernetes
    auth: { method: managed-identity }`,
  "gcp-kms": `providers:
  - name: gcp
    kind: gcp-kms
    key: projects/my-project/locations/europe-west3/keyRings/kubernetes/cryptoKeys/prod
    auth: { method: metadata-server }`,
  "kms-plugin": `providers:
  - name: hsm
    kind: kms-plugin
    socket: unix:///run/hsm/kms.sock`,
  "local": `providers:
  - name: local
    kind: local
    keyFile: /var/lib/trousseau/local.keys
    create: true`,
  "recovery": `providers:
  - name: local
    kind: local
    keyFile: /var/lib/trousseau/local.keys
    create: true
  - name: safe
    kind: recovery
    recipients: [{ file: /etc/trousseau/recovery.pub }]`,
  "vault-transit": `providers:
  - name: vault
    kind: vault-transit
    address: https://vault.example.com:8200
    key: kubernetes
    auth:
      method: approle
      roleId: { file: /etc/trousseau/role-id }
      secretId: { file: /etc/trousseau/secret-id }
    tls: { caFile: /etc/trousseau/vault-ca.pem }`,
} as const satisfies Record<ProviderKind, string>;

/** By kind. */
export const configExamples: Readonly<Record<string, string>> = examples;
