/**
 * The comments at the head of an EncryptionConfiguration: the steps to apply the file, in their order.
 *
 * @module
 */
import type { EncryptionConfigurationOptions } from "./encryption_options.ts";
import type { Stage } from "./encryption_stages.ts";
import { socketEndpoint } from "../../config/socket_path.ts";

/** The path of the file in the steps, in a folder of its own that a static pod can mount. */
const file = "/etc/kubernetes/enc/config.yaml";

const firstLine = "What kube-apiserver needs to encrypt with Trousseau, and in which order.";
const lastLine = "End of Trousseau's steps.";

/** The options on which a step depends. */
type Facts = Pick<EncryptionConfigurationOptions, "socketPath" | "kmsVersion">;

/** Resources, and the name of the `kms` provider that writes them. */
export interface WrittenWith {
  readonly resources: readonly string[];
  /** The name of the `kms` provider. */
  readonly name: string;
}

/** The options of a stage for a cluster that already encrypts. */
export interface StageFacts extends Facts {
  readonly stage: Stage;
  /** Whether the file contains keys of other providers. */
  readonly holdsKeys: boolean;
  readonly written: readonly WrittenWith[];
  /** Whole sentences for the comments. */
  readonly notes: readonly string[];
}

/** The first line of a step, and the lines below it. */
type Step = readonly [string, ...string[]];

/**
 * The lines of a YAML comment, between markers and followed by an empty line.
 *
 * @param subject the line before the first marker; it begins with `Configuration: `.
 */
export function commentBlock(lines: readonly string[], subject?: string): readonly string[] {
  return [...(subject === undefined ? [] : [subject, ""]), firstLine, "", ...lines, lastLine].map((text) =>
    text === "" ? "#" : `# ${text}`
  ).concat("");
}

/** The text of a file without the {@linkcode commentBlock} of the previous stage. */
export function withoutCommentBlock(text: string): string {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.trimEnd() === `# ${firstLine}`);
  const last = lines.findIndex((line, index) => index > first && line.trimEnd() === `# ${lastLine}`);
  const isWhole = first >= 0 && last > first && lines.slice(first, last).every((line) => line.startsWith("#"));
  if (!isWhole) return text;
  const begin = lines[first - 2]?.startsWith("# Configuration: ") ? first - 2 : first;
  const gap = lines[last + 1]?.trim() === "" ? 1 : 0;
  return [...lines.slice(0, begin), ...lines.slice(last + 1 + gap)].join("\n");
}

/** The steps for a cluster that stores plain text. */
export function firstSteps(options: EncryptionConfigurationOptions): readonly string[] {
  const steps = { none: stepsOfNone, first: stepsOfFirst, last: stepsOfLast }[options.identity](options);
  return [
    "If kube-apiserver has an --encryption-provider-config already, do not use this file: every Secret would become",
    'unreadable. Use encryption-config --from FILE --stage read (docs/migrate.md, "A cluster that already encrypts").',
    "",
    ...numbered(steps),
    "",
    ...keepName([options.name]),
    ...(options.identity === "none" ? [] : keepOthers),
    ...generalNotes(options, options.resources),
    ...(options.notes ?? []),
  ];
}

/** The steps for a cluster that already encrypts. */
export function stageSteps(facts: StageFacts): readonly string[] {
  const steps = { read: stepsOfRead, write: stepsOfWrite, final: stepsOfFinal }[facts.stage](facts);
  return [
    `Stage ${facts.stage} of read, write and final; docs/migrate.md, "A cluster that already encrypts".`,
    ...(facts.holdsKeys
      ? [
        "This file holds keys: make it under umask 077, keep it owned by root with mode 0600 (install -m 0600), and",
        "keep it out of version control.",
      ]
      : []),
    "",
    ...numbered(steps),
    "",
    ...keepName(facts.written.map(({ name }) => name)),
    ...(facts.stage === "final" ? [] : keepOthers),
    ...generalNotes(facts, facts.written.flatMap(({ resources }) => resources)),
    ...facts.notes,
  ];
}

function numbered(steps: readonly Step[]): readonly string[] {
  return steps.flatMap(([text, ...rest], index) => [`${index + 1}. ${text}`, ...rest.map((line) => `   ${line}`)]);
}

function stepsOfLast(options: EncryptionConfigurationOptions): readonly Step[] {
  return [
    [
      "With several control plane nodes, roll out the output of --identity first on all of them before this one,",
      "so that each API server can read what another has encrypted. With one node this file is the first.",
    ],
    ...rollOut(options),
    ...rewriteSteps(options, [options]),
    ["Then roll out the output of --identity none, so that nothing is written or read as plain text again."],
  ];
}

function stepsOfFirst(options: EncryptionConfigurationOptions): readonly Step[] {
  return [
    ["This file changes nothing that is stored: all API servers learn to read first, and none encrypts yet."],
    ...rollOut(options),
    ["When every control plane node has it, go on with the output of --identity last."],
  ];
}

function stepsOfNone(options: EncryptionConfigurationOptions): readonly Step[] {
  return [
    [
      "Take this file only when everything has been rewritten: what is still plain text cannot be read with it.",
      `See in etcd that every value begins with ${prefix(options.name, options)}`,
      ...etcdLines(options.resources),
      ...unreadable,
    ],
    ...rollOut(options),
  ];
}

function stepsOfRead(facts: StageFacts): readonly Step[] {
  return [
    ["With this file all API servers learn to read what Trousseau encrypts, and go on writing as before."],
    ...rollOut(facts),
    ["When every control plane node has it, go on with --stage write, from this file or from the first one."],
  ];
}

function stepsOfWrite(facts: StageFacts): readonly Step[] {
  return [
    ["Take this file only when every API server has the one of --stage read: others cannot read what is written now."],
    ...rollOut(facts),
    ...rewriteSteps(facts, facts.written),
    ["Go on with --stage final only when nothing is left under the old providers."],
  ];
}

function stepsOfFinal(facts: StageFacts): readonly Step[] {
  return [
    [
      "Take this file only when everything has been rewritten: what the old providers hold cannot be read with it.",
      ...facts.written.flatMap(({ name, resources }) => [
        `See in etcd that every value of ${resources.join(", ")} begins with ${prefix(name, facts)}`,
        ...etcdLines(resources),
      ]),
      ...unreadable,
    ],
    ["Keep the old file and its keys for as long as there are backups of etcd from before."],
    ...rollOut(facts),
  ];
}

/** The effect of objects that cannot be decrypted; a single one is enough. */
const unreadable = [
  "One object that cannot be decrypted keeps a restarted API server from becoming ready, and lists of all",
  "namespaces fail.",
] as const;

function rollOut({ socketPath, kmsVersion }: Facts): readonly Step[] {
  return [
    [
      "On one control plane node after the other: see that Trousseau is well. All nodes have the same providers;",
      "a local key's file is the same on all of them.",
      `  trousseau probe --wait --socket ${socketEndpoint(socketPath)}`,
    ],
    [
      `Put this file at ${file}, owned by root with mode 0600, and start kube-apiserver with`,
      `  --encryption-provider-config=${file}`,
      ...(kmsVersion === "v1beta1" ? ["  --feature-gates=KMSv1=true"] : []),
      `As a static pod it also needs the folders of this file and ${folder(socketPath)} as hostPath mounts.`,
      "With --encryption-provider-config-automatic-reload=true it reads a changed file without a restart; see that",
      "apiserver_encryption_config_controller_automatic_reloads_total counts a success, since a bad file keeps the old.",
    ],
    [
      "See that this API server is well before the next node's turn:",
      "  kubectl get --raw '/readyz?verbose' | grep kms",
    ],
  ];
}

function rewriteSteps(facts: Facts, written: readonly WrittenWith[]): readonly Step[] {
  return [
    facts.kmsVersion === "v1beta1" ? ["When all nodes have it, rewrite what was stored before."] : [
      "When all nodes have it, rewrite what was stored before, but only after every API server has called Encrypt",
      "under the announced key ID, two minutes after the announcement at the latest. It shows the key ID's hash in",
      "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds. A rewrite before that changes nothing.",
    ],
    [
      "This command waits for that, and no value leaves the API server (docs/rewrite.md).",
      `  trousseau rewrite --kubeconfig FILE --encryption-config ${file}${socketOf(facts)}`,
      "With several API servers, --apiservers names the others. Without it: repeat what reports a conflict. These",
      "commands send every value through the pipe; StorageVersionMigration does it inside the cluster",
      '(docs/migrate.md, "Rewrite stored data").',
      ...written.flatMap(({ resources }) => resources.map(rewriteByKubectl)),
    ],
    ...written.map(({ name, resources }): Step => [
      `See in etcd that every value begins with ${prefix(name, facts)}`,
      ...(facts.kmsVersion === "v2" ? ["and has the announced key ID behind it, before anything is taken away."] : []),
      ...etcdLines(resources),
    ]),
  ];
}

function rewriteByKubectl(resource: string): string {
  return resource.includes("*")
    ? `  the same for each kind of object that ${resource} stands for`
    : `  kubectl get ${resource} --all-namespaces -o json | kubectl replace -f -`;
}

/** Over v1beta1 no API server keeps a key, and the plugin is not asked. */
function socketOf({ kmsVersion, socketPath }: Facts): string {
  return kmsVersion === "v2" ? ` --socket ${socketPath}` : "";
}

function prefix(name: string, { kmsVersion }: Facts): string {
  return `k8s:enc:kms:${kmsVersion === "v2" ? "v2" : "v1"}:${name}:`;
}

function etcdLines(resources: readonly string[]): readonly string[] {
  const shown = resources.find((resource) => !/[.*]/.test(resource)) ?? "RESOURCE";
  return [
    'etcd refuses a client without a certificate; kubeadm has one (docs/migrate.md, "Look into etcd"):',
    `  etcdctl get /registry/${shown}/NAMESPACE/NAME | hexdump -C | head`,
  ];
}

function keepName(names: readonly string[]): readonly string[] {
  return names.map((name) =>
    `The name ${name} stands in etcd before every value: keep it for as long as there are any.`
  );
}

const keepOthers = [
  "Other providers that have encrypted data stay in this file, behind the one that writes, until all is rewritten.",
] as const;

function generalNotes({ kmsVersion }: Facts, resources: readonly string[]): readonly string[] {
  return [
    ...(resources.some((resource) => resource.includes("*"))
      ? [
        "A wildcard covers what kube-apiserver needs for its own start: it ends if Trousseau is away for about",
        "30 seconds then.",
      ]
      : []),
    ...(kmsVersion === "v1beta1"
      ? ["KMS v1beta1 is deprecated and calls Trousseau for every object: prefer v2 from Kubernetes 1.29 on."]
      : []),
  ];
}

function folder(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}
