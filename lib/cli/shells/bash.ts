/**
 * Completions for bash.
 *
 * @module
 */
import type { Command, Program } from "../command.ts";
import { optionLabel, optionRow, type OptionTable } from "../options.ts";
import {
  bareFamilies,
  familiesOf,
  firstWords,
  formsOf,
  formsWithValue,
  freeFileForms,
  longNames,
  nextWords,
  optionsOf,
  takesFiles,
  type Word,
  wordsAfter,
} from "./words.ts";

/** A script that bash sources. */
export function bashCompletions(program: Program): string {
  const { name, commands, options: table, freeOptions } = program;
  return `# bash completion for ${name}
_${name}() {
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
${formsWithValue(table).map((form) => `      ${form}) option=$word ;;\n`).join("")}      -*) ;;
      *)
        if [[ -z $name ]]; then
          name=$word
        else
          case "$name $word" in
${
    longNames(program).map((name) => `            ${quoted(name)}) name+=" $word" count=0 ;;\n`).join("")
  }            *) ((++count)) ;;
          esac
        fi
        ;;
    esac
  done
  if [[ $current == = ]]; then current=''; fi
  if [[ -n $option ]]; then
    case "$name $option" in
${[...commands.flatMap((command) => valueCases(command, table)), ...freeFileCases(program)].join("\n")}
    esac
  elif [[ -z $name ]]; then
    words='${joined(firstWords(program))}' options='${labels(table, freeOptions)}'
  else
    case "$name $count" in
${[...commands.flatMap((command) => commandCases(command, program)), ...familyCases(program)].join("\n")}
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
complete -F _${name} ${name}
`;
}

/** The completions after each option of a command that has a value: files, its choices, or none. */
function valueCases(command: Command, table: OptionTable): readonly string[] {
  return optionsOf(command).flatMap((name) => {
    const { type, choices, files } = optionRow(table, name);
    if (type === "boolean" || (choices === undefined && !files)) return [];
    const patterns = formsOf(table, name).map((form) => quoted(`${command.name} ${form}`)).join(" | ");
    return [`      ${patterns}) ${files ? "files=yes" : `words='${choices?.join(" ")}'`} ;;`];
  });
}

/** Completions of files after an option before a command. */
function freeFileCases(program: Program): readonly string[] {
  return freeFileForms(program).map((form) => `      *' ${form}') files=yes ;;`);
}

/** The completions after a command: words and files in the first position, options everywhere. */
function commandCases(command: Command, program: Program): readonly string[] {
  const { name, positionals } = command;
  const options = `options='${labels(program.options, optionsOf(command))}'`;
  const words = wordsAfter(command, program);
  const first = [
    ...(words.length === 0 ? [] : [`words='${joined(words)}'`]),
    ...(takesFiles(command) ? ["files=yes"] : []),
    options,
  ];
  const later = positionals.at(-1)?.many && takesFiles(command) ? ["files=yes", options] : [options];
  return [`      '${name} 0') ${first.join(" ")} ;;`, `      '${name} '[1-9]*) ${later.join(" ")} ;;`];
}

function familyCases(program: Program): readonly string[] {
  const row = (family: string, typed: string) => `      '${typed} 0') words='${joined(nextWords(program, family))}' ;;`;
  return [
    ...bareFamilies(program).map((family) => row(family, family)),
    ...familiesOf(program).map((family) => row(family, `help ${family}`)),
  ];
}

function labels(table: OptionTable, names: readonly string[]): string {
  return names.map((name) => optionLabel(table, name)).join(" ");
}

function joined(words: readonly Word[]): string {
  return words.map(({ word }) => word).join(" ");
}

function quoted(text: string): string {
  return `'${text}'`;
}
