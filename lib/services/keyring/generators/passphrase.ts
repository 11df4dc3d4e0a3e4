/**
 * Passphrases: words of the EFF's long list, each chosen independently, so that one may stand twice.
 *
 * @module
 */
import type { GeneratorSpec } from "../../../api/keyring/generators.ts";
import { uniformBelow } from "./random.ts";

/** A passphrase, and its entropy in bits: 12.92 for each word. */
export async function generatePassphrase(
  { words, separator, capitalize }: Extract<GeneratorSpec, { kind: "passphrase" }>,
): Promise<{ readonly text: string; readonly bits: number }> {
  const list = (await import("./words/word_list.ts")).effWords();
  const chosen = Array.from({ length: words }, () => list[uniformBelow(list.length)] ?? "");
  const spelled = capitalize ? chosen.map((word) => word.charAt(0).toUpperCase() + word.slice(1)) : chosen;
  return { text: spelled.join(separator), bits: words * Math.log2(list.length) };
}
