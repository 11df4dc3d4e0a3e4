/**
 * The files that `init` makes, and where each belongs on a node.
 *
 * @module
 */
import type { InitValues } from "../../../config/init_values.ts";
import { encryptionConfiguration, encryptionDefaults } from "../encryption_configuration.ts";
import { initAssets } from "./assets.ts";
import { checklist } from "./checklist.ts";
import type { InitFile } from "./init_file.ts";
import { installScript } from "./install_script.ts";
import { kubeadmConfiguration } from "./kubeadm.ts";
import { policiesOf } from "./policies.ts";

/** The EncryptionConfiguration on a node. */
export const encryptionTarget = "/etc/kubernetes/enc/config.yaml";

/** All files, in the order in which they are written. Equal values give equal files. */
export function initFiles(values: InitValues): readonly InitFile[] {
  const policies = policiesOf(values.providers);
  const files: readonly InitFile[] = [
    {
      path: "trousseau.yaml",
      text: `${configHead(values)}${values.config}`,
      target: { path: "/etc/trousseau/trousseau.yaml", owner: "service", mode: "0600" },
    },
    ...encryptionFiles(values),
    ...policies.map(({ name, text }) => ({ path: `policies/${name}`, text })),
    ...(values.form === "static-pod" ? podFiles(values) : unitFiles),
    { path: "kubeadm.yaml", text: kubeadmConfiguration(values, encryptionTarget) },
    { path: "apiserver.sh", text: initAssets.apiserverScript },
  ];
  return [
    ...files,
    { path: "install.sh", text: installScript(values, files) },
    { path: "CHECKLIST.md", text: checklist(values, policies) },
  ];
}

function configHead({ isExample }: InitValues): string {
  const edit = "# An example: replace addresses, mount, key and login by yours before you install it.\n";
  return `# The configuration of Trousseau, the same on every control plane node.\n${isExample ? edit : ""}\n`;
}

/** A cluster that has never started has nothing in plain text, and needs the last stage alone. */
function encryptionFiles(values: InitValues): readonly InitFile[] {
  const { socketPath, resources, name, form } = values;
  const stage = (identity: "first" | "last" | "none") =>
    encryptionConfiguration({ ...encryptionDefaults, socketPath, resources, name, identity });
  const target = { path: encryptionTarget, owner: "root", mode: "0600" } as const;
  if (form === "kubeadm") return [{ path: "encryption/config.yaml", text: stage("none"), target }];
  return [
    { path: "encryption/1-read.yaml", text: stage("first"), target },
    { path: "encryption/2-write.yaml", text: stage("last") },
    { path: "encryption/3-final.yaml", text: stage("none") },
  ];
}

/** A package brings the unit and its user. */
const unitFiles: readonly InitFile[] = [
  {
    path: "systemd/trousseau.sysusers.conf",
    text: initAssets.unitUser,
    target: {
      path: "/etc/sysusers.d/trousseau.conf",
      owner: "root",
      mode: "0644",
      unless: "/usr/lib/sysusers.d/trousseau.conf",
    },
  },
  {
    path: "systemd/trousseau.service",
    text: initAssets.unit,
    target: {
      path: "/etc/systemd/system/trousseau.service",
      owner: "root",
      mode: "0644",
      unless: "/usr/lib/systemd/system/trousseau.service",
    },
  },
  // For systemd 254 and later, so that it is installed by hand.
  { path: "systemd/restart-steps.conf", text: initAssets.restartSteps },
];

/** The pod itself is installed by hand when its configuration was checked: kubelet starts it at once. */
function podFiles({ image }: InitValues): readonly InitFile[] {
  return [
    { path: "static-pod/trousseau.yaml", text: initAssets.staticPod.replace(/^( *image: ).*$/m, `$1${image}`) },
    {
      path: "static-pod/trousseau.tmpfiles.conf",
      text: initAssets.podFolders,
      target: { path: "/etc/tmpfiles.d/trousseau.conf", owner: "root", mode: "0644" },
    },
  ];
}
