/**
 * The order of the pages in the site's sidebar.
 *
 * @module
 */

/** Pages that answer the questions of one kind of reader. */
export interface PageGroup {
  readonly title: string;
  /** Paths from the root of the repository, in the order of the sidebar. */
  readonly pages: readonly string[];
}

/** Each page is in one group. */
export const navigation = [
  {
    title: "Start",
    pages: [
      "README.md",
      "docs/requirements.md",
      "docs/install.md",
      "docs/packages.md",
      "docs/configuration.md",
      "docs/commands.md",
      "deploy/README.md",
    ],
  },
  {
    title: "Key management services",
    pages: [
      "docs/kms/vault.md",
      "docs/kms/aws.md",
      "docs/kms/azure.md",
      "docs/kms/gcp.md",
      "docs/kms/local.md",
      "docs/kms/plugin.md",
      "docs/quorum.md",
      "docs/recovery.md",
    ],
  },
  {
    title: "Where Kubernetes runs",
    pages: [
      "docs/deploy/README.md",
      "docs/deploy/kubeadm.md",
      "docs/deploy/rke2.md",
      "docs/deploy/k3s.md",
      "docs/deploy/kops.md",
      "docs/deploy/cluster-api.md",
      "docs/deploy/kubespray.md",
      "docs/deploy/hosted.md",
      "docs/deploy/openshift.md",
      "docs/deploy/talos.md",
      "docs/deploy/systemd.md",
      "docs/deploy/static-pod.md",
      "docs/deploy/daemonset.md",
      "docs/deploy/helm.md",
      "docs/deploy/opentofu.md",
      "docs/deploy/air-gap.md",
    ],
  },
  {
    title: "Data in etcd",
    pages: [
      "docs/verify.md",
      "docs/rewrite.md",
      "docs/decrypt.md",
      "docs/migrate.md",
      "docs/access.md",
    ],
  },
  {
    title: "Operation",
    pages: [
      "docs/day-2.md",
      "docs/operations.md",
      "docs/upgrade.md",
      "docs/monitoring.md",
      "docs/traces.md",
      "docs/doctor.md",
      "docs/troubleshooting.md",
      "docs/disaster.md",
      "docs/errors.md",
    ],
  },
  {
    title: "Keyring",
    pages: [
      "docs/keyring/start.md",
      "docs/keyring/operate.md",
      "docs/keyring/people.md",
      "docs/keyring/policy.md",
      "docs/keyring/generators.md",
      "docs/keyring/import.md",
      "docs/keyring/clients.md",
      "docs/keyring/vault-clients.md",
      "docs/keyring/render.md",
      "docs/keyring/backup.md",
      "docs/keyring/audit.md",
      "docs/keyring/api.md",
      "docs/clectl.md",
    ],
  },
  { title: "Files in git", pages: ["docs/sops.md"] },
  {
    title: "Background",
    pages: [
      "docs/architecture.md",
      "docs/format.md",
      "docs/compatibility.md",
      "docs/performance.md",
      "docs/limits.md",
      "docs/dependencies.md",
      "docs/glossary.md",
      "docs/links.md",
      "SECURITY.md",
      "docs/threats.md",
      "docs/comparison.md",
      "docs/roadmap.md",
      "docs/releases.md",
      "CHANGELOG.md",
      "findings/README.md",
    ],
  },
  {
    title: "Development",
    pages: [
      "CONTRIBUTING.md",
      "docs/adding-a-provider.md",
      "tests/conformance/README.md",
      "tests/vectors/README.md",
      "proto/README.md",
      "deploy/samples/kms-plugin-python/README.md",
      "lib/services/keyring/generators/words/README.md",
    ],
  },
] as const satisfies readonly PageGroup[];
