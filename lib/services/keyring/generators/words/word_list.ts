/**
 * The list of words of passphrases. Import it when a passphrase is asked for, and not before: the text has 106 KiB.
 *
 * @module
 */
import effLongList from "./eff_large_wordlist.txt" with { type: "text" };

/** The 7,776 words of the EFF's long list, in its order. Each line of the file is five digits of dice, a tab and a word. */
export function effWords(): readonly string[] {
  return effLongList.trimEnd().split("\n").map((line) => line.slice(line.indexOf("\t") + 1));
}
