/**
 * Every option of every command. One row has one meaning, whichever command takes it.
 *
 * @module
 */

/** What is known about an option. */
export interface OptionRow {
  readonly type: "boolean" | "string";
  /** The letter of its short form. */
  readonly short?: string;
  /** As it is typed, where that is not the row's own name: two commands may use one name for two things. */
  readonly long?: string;
  /** What stands for the value in a usage line, as in `FILE`. */
  readonly value?: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
  /** Whether a shell should offer files. */
  readonly files?: boolean;
  readonly summary: string;
}

/** The table. */
export const optionTable = {
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
  "json": { type: "boolean", summary: "print JSON for scripts, the same as -o json" },
  "format": {
    type: "string",
    short: "o",
    long: "output",
    value: "FORMAT",
    choices: ["table", "json"],
    summary: "print a table (if not given), or json for scripts",
  },
  "log-level": {
    type: "string",
    value: "LEVEL",
    choices: ["debug", "info", "warn", "error"],
    summary: "what is logged to stderr at the least; serve and sops: in the place of telemetry.log.level",
  },
  "verbose": {
    type: "boolean",
    short: "v",
    summary: "the same as --log-level debug; -v without a command prints the version",
  },
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
  "quiet": { type: "boolean", short: "q", summary: "print nothing; the exit status tells" },
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
    summary: "ask this cluster which resources there are, custom ones too",
  },
  "output": {
    type: "string",
    short: "o",
    value: "FILE",
    files: true,
    summary: "a new file for it below /run, /var/run or /var/lib/trousseau, instead of stdout",
  },
  "read-foreign": {
    type: "boolean",
    summary: "read what the original wrote; without it, that stands there as a comment",
  },
  "version": { type: "boolean", short: "V", summary: "print the version; it stands without a command" },
  "help": { type: "boolean", short: "h", summary: "explain the command" },
} as const satisfies Record<string, OptionRow>;

/** The name of an option, without its dashes. */
export type OptionName = keyof typeof optionTable;

/** All names. */
export const optionNames = Object.keys(optionTable) as readonly OptionName[];

/** The options that were given. */
export type OptionValues = {
  readonly [Name in OptionName]?: (typeof optionTable)[Name] extends { choices: readonly (infer Choice)[] } ? Choice
    : (typeof optionTable)[Name]["type"] extends "boolean" ? true
    : string;
};

/** The row of an option, without the narrowness of its literal type. */
export function optionRow(name: OptionName): OptionRow {
  return optionTable[name];
}

/** Options that come with another one, as `-o json` beside `--json`. */
const companions: { readonly [Name in OptionName]?: OptionName } = { json: "format", "log-level": "verbose" };

/** All options that a command takes: those of its row, their companions, and `--help`. */
export function acceptedOptions(options: readonly OptionName[]): readonly OptionName[] {
  const all = options.flatMap((name) => {
    const companion = companions[name];
    return companion === undefined ? [name] : [name, companion];
  });
  return [...all, "help"];
}

/** The long form as it is typed: `--output`. */
export function optionLabel(name: OptionName): string {
  return `--${optionRow(name).long ?? name}`;
}

/** An option as it is typed, with what stands for its value: `--config FILE`. */
export function optionUsage(name: OptionName): string {
  const { value, choices } = optionRow(name);
  const stands = choices?.join("|") ?? value;
  return stands === undefined ? optionLabel(name) : `${optionLabel(name)} ${stands}`;
}

/** The same with its short form: `-c, --config FILE`. */
export function optionForms(name: OptionName): string {
  const { short } = optionRow(name);
  return short === undefined ? `    ${optionUsage(name)}` : `-${short}, ${optionUsage(name)}`;
}
