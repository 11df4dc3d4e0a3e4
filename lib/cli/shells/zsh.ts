/**
 * Completions for zsh.
 *
 * @module
 */
import type { Command, Program } from "../command.ts";
import { optionLabel, optionRow, type OptionTable } from "../options.ts";
import {
  bareFamilies,
  familiesOf,
  firstWords,
  formsWithValue,
  freeFileForms,
  longNames,
  nextWords,
  optionsOf,
  takesFiles,
  type Word,
  wordsAfter,
} from "./words.ts";

/**
 * The text of a file named `_` and the program, for instance `_trousseau`, for a folder of zsh's `fpath`; it can also
 * be sourced.
 */
export function zshCompletions(program: Program): string {
  const { name, commands, options } = program;
  const rows = [
    ...commands.map((command) => `    ('${command.name}') ${commandRow(command, program)} ;;`),
    ...bareFamilies(program).map((family) => `    ('${family}') ${describe(nextWords(program, family))} ;;`),
    ...familiesOf(program).map((family) => `    ('help ${family}') ${describe(nextWords(program, family))} ;;`),
  ];
  return `#compdef ${name}
# zsh completion for ${name}
_${name}() {
  local -a offered
  local name='' i=2 at=1
  # Finds the command; options may stand before it.
  while ((i < CURRENT)); do
    case $words[i] in
${formsWithValue(options).map((form) => `      (${form}) ((i += 1)) ;;\n`).join("")}      (-*) ;;
      (*)
        if [[ -z $name ]]; then
          name=$words[i] at=$i
        else
          case "$name $words[i]" in
${
    longNames(program).map((name) => `            ('${name}') name+=" $words[i]" at=$i ;;\n`).join("")
  }            (*) break ;;
          esac
        fi
        ;;
    esac
    ((i += 1))
  done
  if [[ -z $name ]]; then
    case $words[CURRENT-1] in
${freeFileForms(program).map((form) => `      (${form}) _files ;;\n`).join("")}      (*) ${
    describe(firstWords(program))
  } ;;
    esac
    return
  fi
  shift $((at - 1)) words
  ((CURRENT -= at - 1))
  case $name in
${rows.join("\n")}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function describe(words: readonly Word[]): string {
  const list = words.map(({ word, summary }) => quoted(summary === "" ? word : `${word}:${summary}`)).join(" ");
  return `offered=(${list}); _describe command offered`;
}

/**
 * Offers words and files together in the first position. The blank before `_alternative` prevents `_arguments` from
 * passing it its options.
 */
function commandRow(command: Command, program: Program): string {
  const words = wordsAfter(command, program).map(({ word }) => word).join(" ");
  const many = command.positionals.at(-1)?.many;
  const action = takesFiles(command)
    ? words === "" ? "_files" : ` _alternative "words:word:(${words})" "files:file:_files"`
    : words === ""
    ? " "
    : `(${words})`;
  // Without a row for each word, `_arguments` completes no value of an option behind it.
  const positional = [quoted(`${many || action === " " ? "*" : "1"}:word:${action}`)];
  return ["_arguments", ...optionsOf(command).flatMap((name) => optionSpecs(program.options, name)), ...positional]
    .join(" ");
}

function optionSpecs(table: OptionTable, name: string): readonly string[] {
  const { type, short, choices, files, value, many, summary } = optionRow(table, name);
  const repeats = many ? "*" : "";
  const text = `[${summary.replace(/[[\]]/g, "\\$&").replaceAll(":", "\\:")}]`;
  const action = choices === undefined ? (files ? "_files" : "") : `(${choices.join(" ")})`;
  const end = type === "boolean" ? text : `${text}:${value}:${action}`;
  const long = quoted(`${repeats}${optionLabel(table, name)}${type === "boolean" ? "" : "="}${end}`);
  return short === undefined ? [long] : [quoted(`${repeats}-${short}${type === "boolean" ? "" : "+"}${end}`), long];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
