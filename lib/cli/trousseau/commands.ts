/**
 * The table of the commands of `trousseau`. A command's code is loaded when it is called.
 *
 * @module
 */
import { completionsCommand, versionCommand } from "../shared_commands.ts";
import { clusterCommands } from "./cluster_commands.ts";
import { keyringCommands } from "./keyring_commands.ts";
import { nodeCommands } from "./node_commands.ts";
import { etcdSourceOptions } from "./options.ts";
import type { TrousseauCommand } from "./terminal.ts";

/** All commands, in the order of the help. */
export const commands = [
  {
    name: "serve",
    summary: "serve KMS v2 and v1beta1 on a Unix socket",
    description:
      "Serves kube-apiserver until SIGTERM, then lets running calls end. SIGHUP reads log level, credentials and " +
      "telemetry.listen again and never ends it. Without a configuration it makes a " +
      "local key at its first start: enough to try it, but no remote KMS. Key and state are in /var/lib/trousseau where " +
      "this user can write there, as root can, else in $XDG_RUNTIME_DIR/trousseau/state, which is gone after a logout; " +
      "the socket is $XDG_RUNTIME_DIR/trousseau/kms.sock, else /run/trousseau/kms.sock.",
    positionals: [{ name: "FILE", optional: true, files: true, standsFor: "config" }],
    options: ["config", "takeover", "in-cluster", "recovery-key", "log-level"],
    examples: [
      { line: "trousseau serve", does: "try it with a local key" },
      { line: "trousseau serve --config /etc/trousseau/trousseau.yaml", does: "serve with a configuration" },
      {
        line: "trousseau serve --config /etc/trousseau/trousseau.yaml --takeover",
        does: "take over from an older process without losing a call",
      },
      {
        line: "trousseau serve --config /etc/trousseau/trousseau.yaml --in-cluster other-cluster",
        does: "serve beside the API server of another cluster, in a pod of this one",
      },
    ],
    reloads: true,
    run: async (call) => (await import("./serve.ts")).serve(call),
  },
  {
    name: "sops",
    summary: "serve the key service of SOPS on a socket of its own",
    description:
      "Serves sops until SIGTERM: files are encrypted and decrypted with the same providers as kube-apiserver's " +
      "data, and for an API of their own, so that nobody opens the cluster's data over this socket. It keeps no state and runs beside " +
      "serve or without it. On a terminal it prints .sops.yaml and the commands to use.",
    positionals: [{ name: "FILE", optional: true, files: true, standsFor: "config" }],
    options: ["config", "takeover", "recovery-key", "log-level"],
    examples: [
      { line: "trousseau sops", does: "try it with a local key" },
      { line: "trousseau sops --config /etc/trousseau/trousseau.yaml", does: "serve with a configuration" },
      {
        line: "sops decrypt --enable-local-keyservice=false --keyservice unix:///run/trousseau/sops.sock FILE",
        does: "read a file, from another shell",
      },
    ],
    reloads: true,
    run: async (call) => (await import("./sops.ts")).sops(call),
  },
  ...keyringCommands,
  {
    name: "check",
    summary: "check the configuration, and every provider by a round trip",
    description:
      "Reads the configuration, then probes every provider, has it wrap a throwaway data key and unwrap it again. " +
      "Refuses a configuration that would bring back a key ID of this node's history, or that leaves nobody to open " +
      "what this node has sealed. The exit status is that of the worst finding.",
    positionals: [{ name: "FILE", optional: true, files: true, standsFor: "config" }],
    options: ["config", "recovery-key", "json", "log-level"],
    examples: [
      { line: "trousseau check --config /etc/trousseau/trousseau.yaml", does: "before a restart" },
      { line: "trousseau check --config trousseau.yaml --json", does: "the same for a script" },
      { line: "trousseau check trousseau.yaml -v", does: "with every call and login on stderr" },
    ],
    run: async (call) => (await import("./check.ts")).check(call),
  },
  {
    name: "doctor",
    summary: "examine this node, kube-apiserver, the keys and the other nodes, and say how to mend what is found",
    description:
      "Makes the round trips of check, then looks at folders, clocks, certificates, the socket and the unit of systemd; at " +
      "kube-apiserver's flags and its EncryptionConfiguration; at what each KMS tells about the key and the login; and at " +
      "what would be lost if a provider were gone. Each finding has the command or the edit that mends it. It reads and " +
      "changes nothing. --snapshot or --etcd counts the objects that one provider alone could open. The exit status is 1 " +
      "if a finding is bad, and 0 otherwise, warnings too.",
    positionals: [{ name: "FILE", optional: true, files: true, standsFor: "config" }],
    options: [
      "config",
      "nodes",
      "apiserver-args",
      "encryption-config",
      "root",
      ...etcdSourceOptions,
      "json",
      "junit",
      "log-level",
    ],
    examples: [
      { line: "trousseau doctor --config /etc/trousseau/trousseau.yaml", does: "on a control plane node, as root" },
      {
        line: "trousseau doctor --nodes http://10.0.0.2:8090,http://10.0.0.3:8090 --snapshot snapshot.db",
        does: "with the other nodes, and with what a backup holds",
      },
      {
        line: "trousseau doctor --root /host --junit - > doctor.xml",
        does: "in a container with the node's files at /host, for a CI server",
      },
    ],
    run: async (call) => (await import("./doctor/doctor.ts")).doctor(call),
  },
  {
    name: "probe",
    summary: "speak to a socket as kube-apiserver does",
    description: "Asks for the status, then encrypts and decrypts 32 random bytes over KMS v2 and over v1beta1, and " +
      "compares. It works with any KMS plugin. Each call may take 3 seconds, as it may for kube-apiserver.",
    positionals: [{ name: "SOCKET", optional: true, files: true, standsFor: "socket" }],
    options: ["socket", "config", "wait", "timeout", "quiet", "json", "log-level"],
    examples: [
      { line: "trousseau probe unix:///run/trousseau/kms.sock", does: "once; --socket may stand before it" },
      {
        line: "trousseau probe --wait --timeout 60s --config /etc/trousseau/trousseau.yaml",
        does:
          "wait until the plugin is well; in ExecStartPost of a systemd unit, until its main process has ended at most",
      },
    ],
    run: async (call) => (await import("./probe.ts")).probe(call),
  },
  ...clusterCommands,
  {
    name: "conformance",
    summary: "try a KMS plugin, anybody's, and print what holds",
    description:
      "Speaks KMS v2 and v1beta1 to the socket of a plugin that runs, and tries what kube-apiserver relies " +
      "on and what its operator will want: good requests, changed ones, many at once, ones that are given up. It seals " +
      "random bytes alone and changes nothing, but asks the plugin's KMS up to a few thousand times and takes some " +
      "seconds, three minutes at most. The exit status is 0 if all holds that could be tried, and 1 if something does " +
      "not. With --junit - the XML is on stdout and the table on stderr; a file is a new one, and Trousseau may make it " +
      "below /run, /var/run and /var/lib/trousseau only.",
    positionals: [{ name: "SOCKET", files: true }],
    options: ["json", "junit", "log-level"],
    examples: [
      {
        line: "trousseau conformance unix:///run/hsm/kms.sock",
        does: "before it becomes a provider of kind kms-plugin",
      },
      { line: "trousseau conformance --json /run/trousseau/kms.sock", does: "Trousseau itself, for a script" },
      {
        line: "trousseau conformance /run/hsm/kms.sock --junit - > conformance.xml",
        does: "as JUnit XML for a CI server",
      },
    ],
    run: async (call) => (await import("./conformance.ts")).conformance(call),
  },
  {
    name: "status",
    summary: "show how the running plugin and its providers are",
    description:
      "Asks the running plugin over HTTP at telemetry.listen for its key ID, its quorum and each provider. " +
      "Where that is switched off or silent, it asks for the KMS v2 Status over the socket, which tells less. With " +
      "--watch it does so until SIGINT or SIGTERM, one look after the other, and ends with the exit status of the last " +
      "one; a terminal is drawn over, and --json prints one document a line.",
    positionals: [{ name: "FILE", optional: true, files: true, standsFor: "config" }],
    options: ["config", "watch", "interval", "json", "log-level"],
    examples: [
      { line: "trousseau status --config /etc/trousseau/trousseau.yaml", does: "a table" },
      { line: "trousseau status --json", does: "the same for a script" },
      { line: "trousseau status -w --interval 5s", does: "again every five seconds" },
    ],
    run: async (call) => (await import("./status.ts")).status(call),
  },
  {
    name: "keys",
    summary: "show key versions and key IDs, and what a configuration would do to them",
    description: "Reads this node's state folder: the version of each provider's key, the announced key ID and those " +
      "before it; and says what the configuration would change. It asks Vault and Key Vault which of these versions still open, " +
      "and whether the key may leave them; all the rest is said without an answer of theirs.",
    positionals: [{ name: "FILE", optional: true, files: true, standsFor: "config" }],
    options: ["config", "json", "log-level"],
    examples: [
      { line: "trousseau keys --config /etc/trousseau/trousseau.yaml", does: "before a configuration is rolled out" },
    ],
    run: async (call) => (await import("./keys.ts")).keys(call),
  },
  {
    name: "keys rotate",
    summary: "add a version to a local key, or say how a remote one is rotated",
    description: "A local key gets a new version in its file, which a running plugin takes up by itself; the old " +
      "versions stay and still open what they wrapped. A remote key is rotated with its vendor's own tool, by someone " +
      "whose rights Trousseau does not have: the command for it is printed.",
    positionals: [{ name: "FILE", optional: true, files: true, standsFor: "config" }],
    options: ["config", "provider", "json", "log-level"],
    examples: [
      { line: "trousseau keys rotate", does: "rotate the key of the embedded default" },
      {
        line: "trousseau keys rotate --config /etc/trousseau/trousseau.yaml --provider vault-eu",
        does: "print how a Vault key is rotated",
      },
    ],
    run: async (call) => (await import("./keys_rotate.ts")).keysRotate(call),
  },
  {
    name: "recovery new",
    summary: "make a recovery key for the safe",
    description:
      "Shows the private key once on a terminal, in groups of five characters, and asks for its last characters before " +
      "it prints the public key. A provider of kind recovery with that public key wraps each data key to it too, so " +
      "that the data outlives every KMS. The private key is used with --recovery-key alone.",
    positionals: [],
    options: ["plain"],
    examples: [
      { line: "trousseau recovery new", does: "on a terminal, with paper at hand" },
      {
        line: "trousseau recovery new --plain | age -r age1example > recovery.age",
        does: "into another encrypted store",
      },
    ],
    run: async (call) => (await import("./recovery.ts")).recoveryNew(call),
  },
  {
    name: "recovery public",
    summary: "print the public key and the fingerprint of a recovery key",
    description:
      "Reads the private key from a prompt without echo, or from standard input. The fingerprint is the one " +
      "that trousseau check prints of each recipient.",
    positionals: [],
    options: [],
    examples: [
      { line: "trousseau recovery public", does: "prove that the paper in the safe is the configured recipient" },
    ],
    run: async (call) => (await import("./recovery.ts")).recoveryPublic(call),
  },
  {
    name: "encryption-config",
    summary: "print the EncryptionConfiguration for kube-apiserver",
    description: "Prints the file that kube-apiserver takes with --encryption-provider-config. Its comments hold the " +
      "order of steps for a cluster that has data already, with one control plane node or several. Where the cluster " +
      "encrypts already, --from reads the file in use and keeps what it needs: take --stage read on all nodes, then " +
      "write, then, when everything has been rewritten, final.",
    positionals: [],
    options: ["from", "stage", "resources", "kubeconfig", "name", "socket", "config", "kms-version", "identity"],
    examples: [
      { line: "trousseau encryption-config > encryption.yaml", does: "Secrets and ConfigMaps over KMS v2" },
      {
        line: "trousseau encryption-config --identity first --resources secrets",
        does: "the first step with several control plane nodes: all of them learn to read",
      },
      {
        line: "trousseau encryption-config --from /etc/kubernetes/enc/config.yaml --stage read > read.yaml",
        does: "the first step where the cluster encrypts already; under umask 077, since the file holds keys",
      },
      {
        line: "trousseau encryption-config --resources secrets,widgets.example.com --kubeconfig ~/.kube/config",
        does: "with a custom resource that the cluster is asked for",
      },
      { line: "trousseau encryption-config --kms-version v1beta1", does: "for clusters that still need the old API" },
    ],
    run: async (call) => (await import("./encryption_config.ts")).encryptionConfig(call),
  },
  ...nodeCommands,
  {
    name: "config schema",
    summary: "print the JSON Schema of the configuration, for editors",
    description: "Editors that speak YAML's language server check and complete the configuration with it.",
    positionals: [],
    options: [],
    examples: [{ line: "trousseau config schema > trousseau.schema.json", does: "keep it beside the configuration" }],
    run: async (call) => (await import("./config_schema.ts")).printConfigSchema(call),
  },
  {
    name: "config convert",
    summary: "turn the files of the original Trousseau into a configuration",
    description:
      "Reads config.yaml of its version 1, or vault.yaml, awskms.yaml and azurekms.yaml of its version 2, with " +
      "the azure.json that the last one names, and prints one configuration. What cannot be carried over is said on " +
      "stderr with its place. A secret is never printed or written: a file is named that you make.",
    positionals: [{ name: "FILE", many: true, files: true }],
    options: ["output", "read-foreign"],
    examples: [
      { line: "trousseau config convert config.yaml > trousseau.yaml", does: "from version 1" },
      {
        line: "trousseau config convert --read-foreign vault.yaml azurekms.yaml azure.json > trousseau.yaml",
        does: "from version 2, and read what it wrote",
      },
    ],
    run: async (call) => (await import("./config_convert.ts")).configConvert(call),
  },
  {
    name: "verify-release",
    summary: "verify the files of a release before they are installed",
    description:
      "Verifies the signature of SHA256SUMS, every file against it, the bill of materials against the binaries (their " +
      "hashes, the packages and the runtime inside), and the provenance against the commit inside the binaries. It reads " +
      "the folder alone. The exit status is 1 if something does not hold; each line names the file. The public key must " +
      "come from another place than the release.",
    positionals: [{ name: "DIR", files: true }],
    options: ["public-key", "commit", "stand-in", "json", "log-level"],
    examples: [
      { line: "trousseau verify-release dist --public-key release.pub", does: "after the download" },
      { line: "trousseau verify-release dist --public-key release.pub --json", does: "the same for a script" },
    ],
    run: async (call) => (await import("./verify_release.ts")).verifyReleaseCommand(call),
  },
  completionsCommand("trousseau"),
  versionCommand("trousseau", "Trousseau"),
  {
    name: "help",
    summary: "explain a command, or a topic",
    description:
      "Without a word it lists all commands and topics, and what the exit statuses mean. The topics are config, with " +
      "the name of a field or of a kind of provider after it or without, environment, error, with the anchor or the " +
      "sentence of a failure, and exit-codes.",
    positionals: [{ name: "COMMAND|TOPIC", optional: true, command: true }],
    options: [],
    examples: [
      { line: "trousseau help keys rotate", does: "the same as trousseau keys rotate --help" },
      { line: "trousseau help config", does: "what a configuration may hold" },
      { line: "trousseau help config vault-transit", does: "what a provider of this kind may hold" },
      { line: "trousseau help error network", does: "causes and cures of the failures of an area, by its anchor" },
      { line: "trousseau help exit-codes", does: "the exit statuses, and what to do about them" },
    ],
    run: async (call) => (await import("../help.ts")).help(call),
  },
] as const satisfies readonly TrousseauCommand[];
