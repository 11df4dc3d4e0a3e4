/**
 * Completions for zsh.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { type OptionName, optionRow } from "../options.ts";
import { bareFamilies, firstWords, optionsOf, secondWords, type Word, wordsAfter } from "./words.ts";

/** A file named `_trousseau` for a folder of zsh's `fpath`; it may be sourced too. */
export function zshCompletions(table: readonly Command[]): string {
  const pairs = table.map(({ name }) => name).filter((name) => name.includes(" "));
  const rows = [
    ...table.map((command) => `    ('${command.name}') _arguments ${argumentSpecs(command, table)} ;;`),
    ...bareFamilies(table).map((name) => `    ('${name}') ${describe(secondWords(table, name))} ;;`),
  ];
  return `#compdef trousseau
# zsh completion for trousseau
_trousseau() {
  local -a offered
  local name=$words[2]
  if ((CURRENT == 2)); then
    ${describe(firstWords(table))}
    return
  fi
  if ((CURRENT > 3)); then
    case "$name $words[3]" in
      (${pairs.map((name) => `'${name}'`).join(" | ")})
        name+=" $words[3]"
        shift words
        ((CURRENT--))
        ;;
    esac
  fi
  shift words
  ((CURRENT--))
  case $name in
${rows.join("\n")}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _trousseau "$@"
else
  compdef _trousseau trousseau
fi
`;
}

function describe(words: readonly Word[]): string {
  const list = words.map(({ word, summary }) => quoted(`${word}:${summary}`)).join(" ");
  return `offered=(${list}); _describe command offered`;
}

function argumentSpecs(command: Command, table: readonly Command[]): string {
  const words = wordsAfter(command, table);
  const positional = words.length === 0 ? [] : [quoted(`1:word:(${words.join(" ")})`)];
  return [...optionsOf(command).map(optionSpec), ...positional].join(" ");
}

function optionSpec(name: OptionName): string {
  const { type, choices, files, value, summary } = optionRow(name);
  if (type === "boolean") return quoted(`--${name}[${summary}]`);
  const action = choices === undefined ? (files ? "_files" : "") : `(${choices.join(" ")})`;
  return quoted(`--${name}=[${summary}]:${value}:${action}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
