/**
 * The flags of kube-apiserver's command line.
 *
 * @module
 */

/** The values of each flag in order, without the dashes of its name; a flag without a value has `true`. */
export type ApiServerFlags = ReadonlyMap<string, readonly string[]>;

/**
 * The flags that are read, of kube-apiserver, k3s and RKE2. One with a value takes the next word, whichever that is; a
 * boolean one never does.
 */
const knownFlags: ReadonlyMap<string, "boolean" | "value"> = new Map([
  ["advertise-address", "value"],
  ["client-ca-file", "value"],
  ["encryption-provider-config", "value"],
  ["encryption-provider-config-automatic-reload", "boolean"],
  ["feature-gates", "value"],
  ["kube-apiserver-arg", "value"],
  ["secrets-encryption", "boolean"],
  ["secure-port", "value"],
]);

/**
 * Reads words as pflag does: `--name=value`, `--name value`, and `--name` for a boolean one. A flag that is not read
 * anywhere gets the next word if that is no flag.
 */
export function readFlags(words: readonly string[]): ApiServerFlags {
  const flags = new Map<string, string[]>();
  for (let index = 0; index < words.length; index++) {
    const [, written, joined] = /^--?([A-Za-z][\w.-]*)(?:=([\s\S]*))?$/.exec(words[index] ?? "") ?? [];
    if (written === undefined) continue;
    // kube-apiserver takes both separators.
    const name = written.replaceAll("_", "-");
    const next = joined === undefined ? valueAfter(name, words[index + 1]) : undefined;
    if (next !== undefined) index++;
    const lacking = knownFlags.get(name) === "value" ? "" : "true";
    flags.set(name, [...flags.get(name) ?? [], joined ?? next ?? lacking]);
  }
  return flags;
}

/** The next word, if it is the value of a flag. */
function valueAfter(name: string, next: string | undefined): string | undefined {
  const form = knownFlags.get(name) ?? (next?.startsWith("-") ? "boolean" : "value");
  return form === "value" ? next : undefined;
}

/** The last value of a flag, which is the one that counts; `undefined` if it is not given. */
export function flagValue(flags: ApiServerFlags, name: string): string | undefined {
  return flags.get(name)?.at(-1);
}

/** The value of a feature gate of kube-apiserver; `undefined` if `--feature-gates` does not name it. */
export function featureGate(flags: ApiServerFlags, name: string): boolean | undefined {
  const pairs = (flags.get("feature-gates") ?? []).flatMap((list) => list.split(","));
  // A gate may be written with its component.
  const written = pairs.map((pair) => pair.trim().replace(/^kube:/, "").split("="))
    .findLast(([gate]) => gate?.trim() === name)?.[1];
  return written === undefined ? undefined : goBoolean(written.trim()) ?? false;
}

/** A boolean value as Go's `strconv.ParseBool` reads it; `undefined` for other texts. */
export function goBoolean(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : undefined;
}

/**
 * The words in a text: separated by NUL as in `/proc/PID/cmdline`, otherwise as a shell or systemd separates them, with
 * quotes and without variables.
 */
export function wordsIn(text: string): readonly string[] {
  if (text.includes("\0")) return text.split("\0").filter((word) => word !== "");
  const pattern = /(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+/g;
  return (text.replace(/\\\r?\n/g, " ").match(pattern) ?? []).map(unquoted);
}

function unquoted(word: string): string {
  return word.replace(
    /"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|\\([\s\S])/g,
    (_, double: string | undefined, single: string | undefined, one: string | undefined) =>
      double?.replace(/\\(["\\$`])/g, "$1") ?? single ?? one ?? "",
  );
}
