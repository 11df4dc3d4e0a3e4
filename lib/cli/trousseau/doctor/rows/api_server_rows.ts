/**
 * The findings about kube-apiserver.
 *
 * @module
 */
import type { DoctorRow } from "../row.ts";

/** The rows. */
export const apiserverRows = {
  "apiserver-absent": {
    group: "apiserver",
    severity: "skip",
    sentence: "No kube-apiserver was found: no manifest, no configuration of k3s or RKE2, and no unit.",
    cure:
      "On a control plane node: tr '\\0' '\\n' < /proc/$(pgrep -o kube-apiserver)/cmdline > FILE, and --apiserver-args FILE.",
  },
  "apiserver-found": {
    group: "apiserver",
    severity: "ok",
    sentence: "{path} encrypts by {file} with the plugin at {endpoint}.",
    cure: "",
  },
  "encryption-off": {
    group: "apiserver",
    severity: "bad",
    sentence: "{path} has no --encryption-provider-config: nothing is encrypted.",
    cure: "trousseau encryption-config > /etc/kubernetes/enc/config.yaml, and add the flag: docs/install.md.",
  },
  "encryption-unmounted": {
    group: "apiserver",
    severity: "bad",
    sentence: "{path} mounts nothing of the node at {file}, the file of --encryption-provider-config.",
    cure: "Add a hostPath volume with its folder to {path}.",
  },
  "encryption-mounted-alone": {
    group: "apiserver",
    severity: "warn",
    sentence: "{path} mounts the file {file} itself: when another file replaces it, the container keeps the old one.",
    cure: "Mount the folder of the file in its place: docs/install.md.",
  },
  "encryption-unreadable": {
    group: "apiserver",
    severity: "bad",
    sentence: "{message}",
    cure: "Mend the file {file}; `trousseau encryption-config` prints a correct one.",
  },
  "encryption-doubt": {
    group: "apiserver",
    severity: "bad",
    sentence: "{file}: {message}",
    cure: "Mend the file {file}; `trousseau encryption-config` prints a correct one.",
  },
  "encryption-exposed": {
    group: "apiserver",
    severity: "bad",
    sentence: "Any user may read {file} (mode {mode}), which holds keys.",
    cure: "chmod 0600 {file}",
  },
  "endpoint-missing": {
    group: "apiserver",
    severity: "bad",
    sentence: "No provider of {file} has the endpoint {endpoint} of this plugin; it has {found}.",
    cure: "Set endpoint: {endpoint} in {file}, or socket.path in the configuration.",
  },
  "socket-unmounted": {
    group: "apiserver",
    severity: "bad",
    sentence: "{path} mounts nothing of the node at the folder of {socket}.",
    cure: "Add a hostPath volume with that folder to {path}: docs/install.md.",
  },
  "socket-mounted-alone": {
    group: "apiserver",
    severity: "bad",
    sentence: "{path} mounts the socket {socket} itself: after a restart of the plugin it holds a socket that is gone.",
    cure: "Mount the folder of the socket in its place.",
  },
  "timeout-short": {
    group: "apiserver",
    severity: "warn",
    sentence: 'Provider "{name}" of {file} has the timeout {timeout}, less than the 3s in which the plugin answers.',
    cure: "Set timeout: 3s in {file}.",
  },
  "timeout-long": {
    group: "apiserver",
    severity: "warn",
    sentence: 'Provider "{name}" of {file} has the timeout {timeout}: each request waits so long while a KMS is away.',
    cure: "Set timeout: 3s in {file}.",
  },
  "api-v1": {
    group: "apiserver",
    severity: "warn",
    sentence: 'Provider "{name}" of {file} has the deprecated apiVersion v1, which asks the KMS for each object.',
    cure: "trousseau encryption-config --from {file} --stage read, then the steps in docs/migrate.md.",
  },
  "api-v1-gate": {
    group: "apiserver",
    severity: "bad",
    sentence: 'Provider "{name}" of {file} has apiVersion v1, which Kubernetes 1.29 and newer refuse without a gate.',
    cure: "Move to v2 as docs/migrate.md describes, or set --feature-gates=KMSv1=true until then.",
  },
  "gate-left": {
    group: "apiserver",
    severity: "warn",
    sentence: "{path} has the feature gate KMSv1, and {file} no provider of apiVersion v1.",
    cure: "Take KMSv1=true out of --feature-gates.",
  },
  "plain-written": {
    group: "apiserver",
    severity: "bad",
    sentence: "{file}: identity is the first provider of {resources}, so that they are written in plain text.",
    cure: "Put the provider of the plugin first, then rewrite the objects: docs/migrate.md.",
  },
  "plain-exempt": {
    group: "apiserver",
    severity: "ok",
    sentence: "{file}: {resources} are exempt from encryption, as identity is their only provider.",
    cure: "",
  },
  "other-written": {
    group: "apiserver",
    severity: "warn",
    sentence: "{file}: {kind} is the first provider of {resources}, and the plugin does not encrypt them.",
    cure: "trousseau encryption-config --from {file} --stage write",
  },
  "identity-left": {
    group: "apiserver",
    severity: "warn",
    sentence: "{file}: identity is left among the providers of {resources}, so that plain text in etcd is accepted.",
    cure: "When `trousseau verify` counts no plain object: trousseau encryption-config --from {file} --stage final.",
  },
  "others-left": {
    group: "apiserver",
    severity: "warn",
    sentence: "{file}: {kinds} is left among the providers of {resources}.",
    cure: "When `trousseau verify` counts no object under it: trousseau encryption-config --from {file} --stage final.",
  },
  "secrets-missing": {
    group: "apiserver",
    severity: "bad",
    sentence: "{file}: secrets are not among the resources, so that they are stored in plain text.",
    cure: "Add secrets to the resources in {file}, then rewrite them: docs/migrate.md.",
  },
  "resource-twice": {
    group: "apiserver",
    severity: "bad",
    sentence: '{file}: "{resource}" is in several entries, and the providers of the first one alone write it.',
    cure: 'Take "{resource}" out of all entries but one.',
  },
  "resource-unknown": {
    group: "apiserver",
    severity: "warn",
    sentence: '{file}: Kubernetes stores nothing under "{resource}"{likely}, so that this line encrypts nothing.',
    cure: "Mend the name; `kubectl api-resources` lists all names.",
  },
  "reload-off": {
    group: "apiserver",
    severity: "warn",
    sentence:
      "{path} has no --encryption-provider-config-automatic-reload=true: each change of {file} needs a restart.",
    cure: "Add --encryption-provider-config-automatic-reload=true to {path}.",
  },
} as const satisfies Readonly<Record<string, DoctorRow>>;
