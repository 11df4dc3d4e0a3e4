/**
 * Completions for bash.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { optionNames, optionRow } from "../options.ts";
import { bareFamilies, firstWords, optionsOf, secondWords, wordsAfter } from "./words.ts";

/** A script that bash sources. */
export function bashCompletions(table: readonly Command[]): string {
  const rows = [
    ...table.map((command) => ({
      name: command.name,
      words: [...wordsAfter(command, table), ...optionsOf(command).map((option) => `--${option}`)],
    })),
    ...bareFamilies(table).map((name) => ({ name, words: secondWords(table, name).map(({ word }) => word) })),
  ];
  const pairs = table.map(({ name }) => name).filter((name) => name.includes(" "));
  return `# bash completion for trousseau
_trousseau() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local name=\${COMP_WORDS[1]} words='' files=''
  # bash takes --option=value apart at the sign.
  if [[ $current == = ]]; then
    current=''
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if ((COMP_CWORD > 2)); then
    case "$name \${COMP_WORDS[2]}" in
      ${pairs.map((name) => `'${name}'`).join(" | ")}) name+=" \${COMP_WORDS[2]}" ;;
    esac
  fi
  if ((COMP_CWORD == 1)); then
    words='${firstWords(table).map(({ word }) => word).join(" ")}'
  else
    case $previous in
${valueCases()}
      *)
        case $name in
${rows.map(({ name, words }) => `          '${name}') words='${words.join(" ")}' ;;`).join("\n")}
        esac
        ;;
    esac
  fi
  COMPREPLY=()
  if [[ $files == yes ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  elif [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -F _trousseau trousseau
`;
}

/** What follows an option that wants a value: files, its choices, or nothing that a shell could know. */
function valueCases(): string {
  return optionNames.flatMap((name) => {
    const { type, choices, files } = optionRow(name);
    if (type === "boolean") return [];
    return [`      --${name}) ${files ? "files=yes" : `words='${choices?.join(" ") ?? ""}'`} ;;`];
  }).join("\n");
}
