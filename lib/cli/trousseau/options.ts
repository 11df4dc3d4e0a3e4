/**
 * All options of the commands of `trousseau`.
 *
 * @module
 */
import { initForms } from "../../config/init_forms.ts";
import { type OptionTable, sharedOptions, type ValuesOf } from "../options.ts";
import { apiServerPlaces } from "./in_cluster.ts";

/** The table. */
export const options = {
  "config": {
    type: "string",
    short: "c",
    value: "FILE",
    files: true,
    summary: "the configuration; else $TROUSSEAU_CONFIG, else /etc/trousseau/trousseau.yaml, else one local key",
  },
  "takeover": {
    type: "boolean",
    summary: "replace the Trousseau that serves the socket now, if it has the same keys",
  },
  "in-cluster": {
    type: "string",
    value: "PLACE",
    choices: apiServerPlaces,
    summary:
      "in a pod that an API server starts: where the API server runs that reads the socket; this-node is refused, as it " +
      "would wait for this pod, and this pod for it",
  },
  json: sharedOptions.json,
  format: sharedOptions.format,
  "log-level": {
    ...sharedOptions["log-level"],
    summary: "what is logged to stderr at the least; serve and sops: in the place of telemetry.log.level",
  },
  verbose: sharedOptions.verbose,
  "watch": { type: "boolean", short: "w", summary: "show it again and again, until SIGINT or SIGTERM" },
  "interval": {
    type: "string",
    value: "DURATION",
    summary: "with --watch: the pause between two looks, 1s or more; 2s if not given",
  },
  "junit": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "write JUnit XML too: to a new file below /run, /var/run or /var/lib/trousseau, or to stdout if it is -",
  },
  "socket": {
    type: "string",
    value: "PATH",
    files: true,
    summary: "the plugin's socket, as a path or as unix://PATH; without it, the one in the configuration",
  },
  "wait": { type: "boolean", summary: "try again until the plugin is well or the timeout has passed" },
  quiet: sharedOptions.quiet,
  "timeout": { type: "string", value: "DURATION", summary: "how long to wait, as in 30s" },
  "provider": { type: "string", value: "NAME", summary: "the provider, by its name in the configuration" },
  "resources": {
    type: "string",
    value: "LIST",
    summary:
      "what to encrypt, separated by commas; secrets,configmaps if not given, with --from what the file encrypts",
  },
  "name": {
    type: "string",
    value: "NAME",
    summary: "the provider's name for kube-apiserver, written into etcd beside every value; trousseau if not given",
  },
  "kms-version": {
    type: "string",
    value: "VERSION",
    choices: ["v2", "v1beta1"],
    summary: "the KMS API; v2 if not given",
  },
  "identity": {
    type: "string",
    value: "PLACE",
    choices: ["last", "first", "none"],
    summary:
      "where plain text stands: last still reads it, first still writes it, none does neither; last if not given",
  },
  "from": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "the EncryptionConfiguration that the cluster uses today, in YAML or JSON; its providers are kept",
  },
  "stage": {
    type: "string",
    value: "STAGE",
    choices: ["read", "write", "final"],
    summary:
      "with --from: read adds Trousseau behind what writes today, write puts it first, final leaves out all others",
  },
  "kubeconfig": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "the cluster, by the current context; rewrite and audit access in a pod: else the pod's ServiceAccount",
  },
  "output": {
    type: "string",
    short: "o",
    value: "FILE",
    files: true,
    summary: "a new file for it below /run, /var/run or /var/lib/trousseau, instead of stdout",
  },
  "recovery-key": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "for a recovery: a file with the private key of a recipient, which opens what recovery providers wrapped",
  },
  "key-file-kept-elsewhere": {
    type: "boolean",
    summary: "back up although every key lies in a file on this machine: a copy of that file is kept in another place",
  },
  "keep-identities": {
    type: "boolean",
    summary: "for a planned move: tokens, codes and certificates of the backup stay valid",
  },
  "plain": { type: "boolean", summary: "print the recovery key in one line and ask nothing, also to a file or pipe" },
  "read-foreign": {
    type: "boolean",
    summary: "read what the original wrote; without it, that stands there as a comment",
  },
  "baseline": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "an earlier report in JSON; what it does not have is new, and the exit status is then 1",
  },
  "snapshot": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "a file of etcdctl snapshot save, or a copy of a member's member/snap/db",
  },
  "newest": {
    type: "string",
    value: "FOLDER",
    files: true,
    summary: "the newest file of this folder, instead of --snapshot",
  },
  "max-age": {
    type: "string",
    value: "DURATION",
    summary: "with --newest: fail if that file is older; 35d if not given",
  },
  "etcd": {
    type: "string",
    value: "URLS",
    summary: "the members of a running etcd, separated by commas; https://127.0.0.1:2379 if kubeadm's files are here",
  },
  "cacert": { type: "string", value: "FILE", files: true, summary: "the CA certificates of etcd; else kubeadm's" },
  "cert": { type: "string", value: "FILE", files: true, summary: "a client certificate for etcd; else kubeadm's" },
  "key": { type: "string", value: "FILE", files: true, summary: "its private key" },
  "rate": {
    type: "string",
    value: "N",
    summary: "how many objects a second at the most; verify 5000, rewrite 100 if not given",
  },
  "etcd-prefix": {
    type: "string",
    value: "PREFIX",
    summary: "kube-apiserver's --etcd-prefix; /registry if not given",
  },
  "encryption-config": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "the EncryptionConfiguration whose resources count; else the one in kube-apiserver's manifest",
  },
  "form": {
    type: "string",
    value: "FORM",
    choices: initForms,
    summary:
      "how Trousseau runs: as a unit, as a static pod, or as a unit of a new kubeadm cluster; systemd if not given",
  },
  "values": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "the configuration and the cluster; without it, an example with Vault whose lines have to be edited",
  },
  "folder": {
    type: "string",
    value: "FOLDER",
    files: true,
    summary:
      "where the files are made; below /run, $XDG_RUNTIME_DIR/trousseau-init or /run/trousseau-init if not given",
  },
  "manifest": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "the manifest of kube-apiserver; /etc/kubernetes/manifests/kube-apiserver.yaml if not given",
  },
  "encryption-file": {
    type: "string",
    long: "encryption-config",
    value: "FILE",
    files: true,
    summary: "the EncryptionConfiguration on this node; /etc/kubernetes/enc/config.yaml if not given",
  },
  "automatic-reload": {
    type: "boolean",
    summary: "have kube-apiserver read a changed EncryptionConfiguration without a restart",
  },
  "encrypts": {
    type: "string",
    value: "STATE",
    choices: ["yes", "reloading", "no", "manifest"],
    summary: "wait until it has a KMS plugin, has one and reads changed files, has none, or is as its manifest says",
  },
  "scope": {
    type: "string",
    long: "resources",
    value: "LIST",
    summary: "the resources that count, separated by commas",
  },
  "expect-key-id": {
    type: "string",
    value: "ID",
    summary: "end with 1 if a value is not under this key ID; without it, the one announced at --socket",
  },
  "all-revisions": { type: "boolean", summary: "count older revisions too" },
  "freed": { type: "boolean", summary: "count values in pages that are free: they stay until defragmentation" },
  "list": { type: "boolean", summary: "name each object" },
  "by": {
    type: "string",
    value: "WAY",
    choices: ["patch", "migration"],
    summary:
      "who writes: patch, this command; migration, kube-controller-manager by StorageVersionMigration; patch if not given",
  },
  "migration-timeout": {
    type: "string",
    value: "DURATION",
    summary: "with --by migration: how long all migrations may take; 1h if not given",
  },
  "apiservers": {
    type: "string",
    value: "URLS",
    summary: "all other API servers, separated by commas, as in https://10.0.0.2:6443; each is asked for its metrics",
  },
  "local-only": {
    type: "boolean",
    summary: "count this API server alone; the command then runs once on each control plane node",
  },
  "assume-ready": {
    type: "string",
    value: "N",
    summary: "take N API servers that are not reached as ready; the last line repeats it",
  },
  "dry-run": { type: "boolean", summary: "count the objects and change none" },
  "state": {
    type: "string",
    value: "FOLDER",
    files: true,
    summary: "where the progress is kept; below /run, /var/run or /var/lib/trousseau",
  },
  "check": { type: "boolean", summary: "open every object, and every data key by each provider alone" },
  "nodes": {
    type: "string",
    value: "NODES",
    summary: "compare with these nodes, separated by commas: addresses of telemetry, or files of status --json",
  },
  "apiserver-args": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "a file with kube-apiserver's arguments, as of /proc/PID/cmdline; else they are looked for on this node",
  },
  "root": {
    type: "string",
    value: "FOLDER",
    files: true,
    summary: "where the node's file system is, for the files of kube-apiserver and systemd; / if not given",
  },
  "show": { type: "boolean", summary: "print the objects with their secrets: Secrets and ConfigMaps as YAML" },
  "export": {
    type: "boolean",
    summary: "write a tar archive of manifests for kubectl apply to stdout; of the keys that are named, else of all",
  },
  "public-key": {
    type: "string",
    value: "FILE",
    files: true,
    summary: "the public key of the releases, as minisign -G wrote it",
  },
  "commit": { type: "string", value: "COMMIT", summary: "the commit that the release must be made from" },
  "stand-in": {
    type: "boolean",
    summary: "accept binaries around another runtime than denort, to try the steps: it is no release",
  },
  version: sharedOptions.version,
  help: sharedOptions.help,
} as const satisfies OptionTable;

/** The name of an option, without its dashes. */
export type OptionName = keyof typeof options;

/** The values of the options that were given. */
export type OptionValues = ValuesOf<typeof options>;

/** Options of the commands that count the objects of a snapshot or of a running etcd. */
export const etcdSourceOptions = [
  "snapshot",
  "etcd",
  "cacert",
  "cert",
  "key",
  "rate",
  "etcd-prefix",
] as const satisfies readonly OptionName[];
