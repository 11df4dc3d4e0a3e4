/**
 * The commands that prepare a control plane node.
 *
 * @module
 */
import type { TrousseauCommand } from "./terminal.ts";

/** Their rows, in the order of the help. */
export const nodeCommands = [
  {
    name: "init",
    summary: "make the files of a control plane node",
    description:
      "Makes the configuration, the stages of the EncryptionConfiguration, the rights at each KMS, the unit or the static " +
      "pod, kubeadm's part and a checklist. They are in a folder below /run with a script, install.sh, that puts them in " +
      "place: Trousseau may not write below /etc. No file is ever replaced, neither here nor by the script; a run that " +
      "was cut off is finished by the next one.",
    positionals: [],
    options: ["form", "values", "folder"],
    examples: [
      { line: "trousseau init --values values.yaml", does: "from the values of a cluster" },
      {
        line: "trousseau init --form static-pod --folder /run/pod-init",
        does: "an example to edit, in another folder",
      },
    ],
    run: async (call) => (await import("./init/init.ts")).init(call),
  },
  {
    name: "apiserver enable",
    summary: "print kube-apiserver's manifest with encryption",
    description:
      "Adds the flag, the mounts and the volumes that kube-apiserver needs for the EncryptionConfiguration, and leaves " +
      "every other byte as it is. The file has to read what the plugin seals and to write plain text " +
      "(encryption-config --identity first), and the plugin has to answer. Nothing is written: deploy/kubernetes/apiserver.sh " +
      "puts the output in place, waits for kube-apiserver and goes back if it does not become ready.",
    positionals: [],
    options: ["manifest", "encryption-file", "automatic-reload"],
    examples: [
      {
        line: "trousseau apiserver enable --manifest copy.yaml --encryption-config /etc/kubernetes/enc/first.yaml",
        does: "look at the edit of a copy",
      },
    ],
    run: async (call) => (await import("./apiserver_edit.ts")).apiserverEnable(call),
  },
  {
    name: "apiserver undo",
    summary: "print kube-apiserver's manifest without encryption",
    description:
      "Takes away the flags of encryption, and the mounts and volumes that apiserver enable added. It refuses while the " +
      "EncryptionConfiguration encrypts: what kube-apiserver has written with it could not be read any more. Nothing is " +
      "written: deploy/kubernetes/apiserver.sh puts the output in place.",
    positionals: [],
    options: ["manifest", "encryption-file"],
    examples: [
      {
        line: "trousseau apiserver undo --manifest kube-apiserver.yaml > before.yaml",
        does: "look at the edit of a copy",
      },
    ],
    run: async (call) => (await import("./apiserver_edit.ts")).apiserverUndo(call),
  },
  {
    name: "apiserver ready",
    summary: "wait until this node's kube-apiserver is ready",
    description:
      "Asks /readyz at the address and port of the manifest, and never a load balancer. --encrypts yes waits for a server " +
      "that has a KMS plugin, which one that has not restarted yet has not; --encrypts manifest takes from the manifest " +
      "whether it has one. It sends no login; where kube-apiserver answers nobody without one, --kubeconfig names it. The " +
      "exit status is 69 if the time is over.",
    positionals: [],
    options: ["manifest", "kubeconfig", "encrypts", "timeout"],
    examples: [
      { line: "trousseau apiserver ready --encrypts yes --timeout 3m", does: "after a change of the manifest" },
    ],
    run: async (call) => (await import("./apiserver_ready.ts")).apiserverReady(call),
  },
] as const satisfies readonly TrousseauCommand[];
