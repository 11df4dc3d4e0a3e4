/**
 * Completions for bash.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { optionLabel, optionRow } from "../options.ts";
import {
  bareFamilies,
  families,
  firstWords,
  formsOf,
  formsWithValue,
  freeOptions,
  helpWords,
  optionsOf,
  secondWords,
  takesFiles,
  type Word,
  wordsAfter,
} from "./words.ts";

/** A script that bash sources. */
export function bashCompletions(table: readonly Command[]): string {
  const pairs = table.map(({ name }) => name).filter((name) => name.includes(" "));
  return `# bash completion for trousseau
_trousseau() {
  local current=\${COMP_WORDS[COMP_CWORD]} option='' name='' count=0 words='' options='' files='' word i
  # Finds the command, the number of words after it, and an option that waits for its value. bash takes --option=value
  # apart at the sign.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == = ]]; then
      continue
    elif [[ -n $option ]]; then
      option=''
      continue
    fi
    case $word in
      ${formsWithValue().join(" | ")}) option=$word ;;
      -*) ;;
      *)
        if [[ -z $name ]]; then
          name=$word
        else
          case "$name $word" in
            ${[...pairs, ...families(table).map((first) => `help ${first}`)].map(quoted).join(" | ")})
              name+=" $word" count=0 ;;
            *) ((++count)) ;;
          esac
        fi
        ;;
    esac
  done
  if [[ $current == = ]]; then current=''; fi
  if [[ -n $option ]]; then
    case "$name $option" in
${table.flatMap(valueCases).join("\n")}
      *' --config' | *' -c') files=yes ;;
    esac
  elif [[ -z $name ]]; then
    words='${joined(firstWords(table))}' options='${freeOptions.map(optionLabel).join(" ")}'
  else
    case "$name $count" in
${[...table.flatMap((command) => commandCases(command, table)), ...helpCases(table)].join("\n")}
    esac
  fi
  # Options are shown where nothing has been typed yet, or a dash.
  if [[ -z $current || $current == -* ]]; then words+=" $options"; fi
  COMPREPLY=()
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [[ $files == yes && $current != -* ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _trousseau trousseau
`;
}

/** The completions behind each option of a command that takes a value: files, its choices, or none. */
function valueCases(command: Command): readonly string[] {
  return optionsOf(command).flatMap((name) => {
    const { type, choices, files } = optionRow(name);
    if (type === "boolean" || (choices === undefined && !files)) return [];
    const patterns = formsOf(name).map((form) => quoted(`${command.name} ${form}`)).join(" | ");
    return [`      ${patterns}) ${files ? "files=yes" : `words='${choices?.join(" ")}'`} ;;`];
  });
}

/** The completions behind a command: words and files in the first place, options everywhere. */
function commandCases(command: Command, table: readonly Command[]): readonly string[] {
  const { name, positionals } = command;
  const options = `options='${optionsOf(command).map(optionLabel).join(" ")}'`;
  const words = wordsAfter(command, table);
  const first = [
    ...(words.length === 0 ? [] : [`words='${joined(words)}'`]),
    ...(takesFiles(command) ? ["files=yes"] : []),
    options,
  ];
  const later = positionals.at(-1)?.many && takesFiles(command) ? ["files=yes", options] : [options];
  return [`      '${name} 0') ${first.join(" ")} ;;`, `      '${name} '[1-9]*) ${later.join(" ")} ;;`];
}

function helpCases(table: readonly Command[]): readonly string[] {
  const known = helpWords(table).map(({ word }) => word);
  return [
    ...bareFamilies(table).map((first) => `      '${first} 0') words='${joined(secondWords(table, first))}' ;;`),
    ...families(table).filter((first) => known.includes(first)).map((first) =>
      `      'help ${first} 0') words='${joined(secondWords(table, first))}' ;;`
    ),
  ];
}

function joined(words: readonly Word[]): string {
  return words.map(({ word }) => word).join(" ");
}

function quoted(text: string): string {
  return `'${text}'`;
}
