/**
 * The steps after `init`, for a person.
 *
 * @module
 */
import type { InitForm } from "../../../config/init_forms.ts";
import type { InitValues } from "../../../config/init_values.ts";
import type { PolicyFile } from "./policies.ts";

const config = "/etc/trousseau/trousseau.yaml";

/** Markdown with a box for each step. */
export function checklist(values: InitValues, policies: readonly PolicyFile[]): string {
  const steps = [
    ...(values.form === "kubeadm" ? [] : [stopStep]),
    ...keySteps(values, policies),
    ...installSteps(values),
    ...(values.form === "kubeadm" ? newClusterSteps : runningClusterSteps(values)),
    "Set up the alerts and the backups of the KMS: docs/monitoring.md, docs/operations.md.",
  ];
  return [
    "# Checklist",
    "",
    `Form: ${values.form}. Control plane nodes: ${values.nodes}. Each step has to be done on every node before the next ` +
    "one, if it names no other place.",
    "",
    ...steps.map((step) => `- [ ] ${step}`),
    "",
  ].join("\n");
}

const stopStep =
  "If kube-apiserver has an --encryption-provider-config already, stop here and read docs/migrate.md: the files of this " +
  "folder would make every Secret unreadable.";

function keySteps({ isExample }: InitValues, policies: readonly PolicyFile[]): readonly string[] {
  return [
    "Once: make the key in the KMS, and turn on the backups of the KMS. A lost key is a lost cluster.",
    ...policies.map(({ name, use }) => `Once: policies/${name}: ${use}.`),
    ...(isExample
      ? ["Once, here: replace addresses, mount, key and login in trousseau.yaml by yours, before it is copied."]
      : []),
  ];
}

const start: Readonly<Record<InitForm, readonly string[]>> = {
  systemd: ["`systemctl enable --now trousseau`"],
  kubeadm: ["`systemctl enable --now trousseau`"],
  "static-pod": [
    "Load the image into the container runtime of the node.",
    "`install -m 0600 static-pod/trousseau.yaml /etc/kubernetes/manifests/trousseau.yaml`",
  ],
};

function installSteps({ form, files }: InitValues): readonly string[] {
  return [
    "Copy this folder to the node, into a folder that root alone can write; the binary `trousseau` is on its PATH.",
    "`sh install.sh`, as root. It replaces no file.",
    ...(files.length === 0 ? [] : [
      `Put the files into place that the configuration names: ${files.map((file) => `\`${file}\``).join(", ")}; ` +
      "mode 0600, owned by the user of the plugin.",
    ]),
    ...(form === "static-pod" ? [] : [
      "With systemd 254 or later: `install -D -m 0644 systemd/restart-steps.conf " +
      "/etc/systemd/system/trousseau.service.d/restart-steps.conf`",
    ]),
    `\`trousseau check --config ${config}\``,
    ...start[form],
    `\`trousseau probe --wait --timeout 60s --config ${config}\``,
    `\`trousseau status --config ${config}\`: the key ID is the same on all nodes.`,
  ];
}

const newClusterSteps: readonly string[] = [
  "Once: add kubeadm.yaml to the ClusterConfiguration, and check it: `kubeadm config validate --config FILE`.",
  "`kubeadm init`, or `kubeadm join --control-plane` on the other nodes. Nothing is ever stored as plain text.",
  "Once: read a Secret in etcd (docs/install.md, step 7); it begins with `k8s:enc:kms:v2:`.",
];

/** With one node the stages are the same: the first one can be taken back. */
function runningClusterSteps({ nodes, resources, socketPath }: InitValues): readonly string[] {
  const next = nodes === 1 ? "" : " One node after the other; go on when kube-apiserver is ready.";
  const replace = (file: string) =>
    `\`install -m 0600 ${file} /etc/kubernetes/enc/config.yaml\`. kube-apiserver reads it within about a minute: ` +
    `apiserver_encryption_config_controller_automatic_reloads_total counts a success.${next}`;
  return [
    `\`sh apiserver.sh enable --automatic-reload\`.${next} The way back: \`sh apiserver.sh undo\`.`,
    "Once: add kubeadm.yaml to the ClusterConfiguration, so that an upgrade keeps encryption.",
    replace("encryption/2-write.yaml"),
    `Once, when every node has it: \`trousseau rewrite --kubeconfig FILE --resources ${resources.join(",")} ` +
    `--socket ${socketPath}\` (docs/rewrite.md).`,
    "Once: count what is under the new key: `trousseau verify` (docs/verify.md).",
    replace("encryption/3-final.yaml"),
  ];
}
