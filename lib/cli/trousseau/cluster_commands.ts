/**
 * The commands on the data of a cluster: in etcd, in its snapshots, and in its API server.
 *
 * @module
 */
import { etcdSourceOptions } from "./options.ts";
import type { TrousseauCommand } from "./terminal.ts";

/** Their rows, in the order of the help. */
export const clusterCommands = [
  {
    name: "verify",
    summary: "tell with which keys the data in etcd is encrypted",
    description:
      "Reads a snapshot or a running etcd, and counts the objects of each resource by provider, key ID and version of " +
      "each KMS key. It needs no key and no KMS, writes nothing and prints no value. Nothing authenticates the bytes with " +
      "key IDs and versions: they are labels. The resources are those of the EncryptionConfiguration; " +
      "without one, secrets and each resource with an encrypted value. The exit status is 1 if a value is not under the " +
      "expected key ID, and 65 if the file is no intact snapshot.",
    positionals: [],
    options: [
      ...etcdSourceOptions,
      "encryption-config",
      "scope",
      "expect-key-id",
      "socket",
      "all-revisions",
      "freed",
      "list",
      "json",
      "log-level",
    ],
    examples: [
      {
        line: "trousseau verify --snapshot snapshot.db",
        does: "which keys a backup needs",
      },
      {
        line: "trousseau verify --etcd https://127.0.0.1:2379 --socket /run/trousseau/kms.sock",
        does: "whether everything is under the key ID that the plugin announces",
      },
      {
        line: "trousseau verify --snapshot snapshot.db --all-revisions --freed --list --json",
        does: "everything that the file holds, for a script",
      },
    ],
    run: async (call) => (await import("./verify.ts")).verify(call),
  },
  {
    name: "rewrite",
    summary: "have every object in etcd encrypted with the current key",
    description:
      "Sends an empty patch for each object, upon which the API server writes it again under its current key if it is not. " +
      "Only names come back, since answers are Tables without objects; those of custom resources have their printer columns " +
      "too, which can show a value. The " +
      "resources are those of the EncryptionConfiguration. First every API server must use the key ID that the plugin " +
      "announces; Leases in kube-system count them. list on Secrets means reading them, so take a " +
      "short-lived credential with the ClusterRole of deploy/policies/rewrite-clusterrole.yaml, and run it on a control " +
      "plane node. An ended run goes on where it was. With --by migration kube-controller-manager does the work: one " +
      "StorageVersionMigration for each resource is made, watched and removed, and the count of verify follows if --etcd " +
      "is given. The exit status is 1 if an object was refused, and 69 if an API " +
      "server is not ready.",
    positionals: [],
    options: [
      "kubeconfig",
      "encryption-config",
      "scope",
      "socket",
      "expect-key-id",
      "kms-version",
      "apiservers",
      "local-only",
      "assume-ready",
      "timeout",
      "rate",
      "state",
      "by",
      "migration-timeout",
      "etcd",
      "cacert",
      "cert",
      "key",
      "etcd-prefix",
      "dry-run",
      "json",
      "log-level",
    ],
    examples: [
      {
        line: "trousseau rewrite --kubeconfig rewrite.conf --resources secrets,configmaps --dry-run",
        does: "how many objects there are",
      },
      {
        line: "trousseau rewrite --kubeconfig rewrite.conf --resources secrets --socket /run/trousseau/kms.sock",
        does: "after a rotation, with one control plane node",
      },
      {
        line: "trousseau rewrite --kubeconfig rewrite.conf --resources secrets --expect-key-id ID --local-only",
        does: "on each of several control plane nodes, by the API server of that node",
      },
      {
        line: "trousseau rewrite --kubeconfig rewrite.conf --resources secrets --expect-key-id ID --by migration",
        does: "by kube-controller-manager, where StorageVersionMigration is served",
      },
    ],
    run: async (call) => (await import("./rewrite.ts")).rewrite(call),
  },
  {
    name: "decrypt",
    summary: "open objects of a snapshot of etcd, without a cluster",
    description:
      "Opens values of KMS v2 and v1 with any one provider of the configuration, or with the recovery key. It needs no " +
      "API server and no state folder, and writes nothing. A word is a key of etcd, and everything below it if it ends " +
      "with a slash. Nothing of a value is printed without --show. With --check every object is opened and every data " +
      "key by each provider alone: the restore drill. With --export a tar archive of manifests is on standard output. " +
      "The exit status is 1 if an object cannot be opened, or if the drill finds none under a KMS, and 65 if the file is " +
      "no intact snapshot.",
    positionals: [{ name: "KEY", optional: true, many: true }],
    options: [
      "snapshot",
      "newest",
      "max-age",
      "config",
      "recovery-key",
      "check",
      "show",
      "export",
      "etcd-prefix",
      "json",
      "log-level",
    ],
    examples: [
      {
        line: "trousseau decrypt --snapshot snapshot.db --check",
        does: "could this backup be restored, and by which KMS",
      },
      {
        line: "trousseau decrypt --newest /var/backups/etcd --max-age 24h --check",
        does: "the same for the newest backup, which may be a day old",
      },
      {
        line: "trousseau decrypt --snapshot snapshot.db --show /registry/secrets/default/db > db.yaml",
        does: "one Secret of a cluster that is gone",
      },
      {
        line: "trousseau decrypt --snapshot snapshot.db --recovery-key recovery.txt /registry/secrets/",
        does: "whether every Secret opens with the key from the safe",
      },
      {
        line: "trousseau decrypt --snapshot snapshot.db --export > manifests.tar",
        does: "manifests for kubectl apply, into a file that nobody else reads",
      },
    ],
    run: async (call) => (await import("./decrypt.ts")).decryptSnapshot(call),
  },
  {
    name: "audit access",
    summary: "list who can read Secrets through the API server, and how",
    description:
      "Reads roles and bindings of RBAC from the cluster of --kubeconfig, in a pod with its ServiceAccount, or from the output of " +
      "kubectl get roles,clusterroles,rolebindings,clusterrolebindings -A -o json in a file, - for standard input. It lists each subject that can " +
      "read Secrets itself, or by one further step: by pods, exec, kubelets, tokens, impersonation, roles or certificates. " +
      "It reads no Secret and changes nothing. The output of --json is a baseline for later runs.",
    positionals: [{ name: "FILE", optional: true, files: true }],
    options: ["kubeconfig", "baseline", "json", "log-level"],
    examples: [
      { line: "trousseau audit access --kubeconfig ~/.kube/config", does: "of a cluster" },
      { line: "trousseau audit access rbac.json", does: "without access to the cluster, from the output of kubectl" },
      { line: "trousseau audit access rbac.json --json > baseline.json", does: "write a baseline" },
      {
        line: "trousseau audit access rbac.json --baseline baseline.json",
        does: "what is new since then; the exit status is 1 if something is",
      },
    ],
    run: async (call) => (await import("./audit_access.ts")).auditAccess(call),
  },
] as const satisfies readonly TrousseauCommand[];
