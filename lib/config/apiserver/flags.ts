/**
 * The flags of kube-apiserver's command line.
 *
 * @module
 */

/** The values of each flag in order, without the dashes of its name; a flag without a value has `true`. */
export type ApiServerFlags = ReadonlyMap<string, readonly string[]>;

/** Reads words as pflag does: `--name=value`, `--name value`, and `--name` for a boolean one. */
export function readFlags(words: readonly string[]): ApiServerFlags {
  const flags = new Map<string, string[]>();
  words.forEach((word, index) => {
    const [, name, joined] = /^--?([A-Za-z][\w.-]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (name === undefined) return;
    const next = words[index + 1];
    const value = joined ?? (next === undefined || next.startsWith("-") ? "true" : next);
    flags.set(name, [...flags.get(name) ?? [], value]);
  });
  return flags;
}

/** The last value of a flag, which is the one that counts; `undefined` if it is not given. */
export function flagValue(flags: ApiServerFlags, name: string): string | undefined {
  return flags.get(name)?.at(-1);
}

/** The value of a feature gate; `undefined` if `--feature-gates` does not name it. */
export function featureGate(flags: ApiServerFlags, name: string): boolean | undefined {
  const pairs = (flags.get("feature-gates") ?? []).flatMap((list) => list.split(","));
  const written = pairs.map((pair) => pair.split("=")).findLast(([gate]) => gate?.trim() === name)?.[1];
  return written === undefined ? undefined : /^(1|t|true)$/i.test(written.trim());
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
