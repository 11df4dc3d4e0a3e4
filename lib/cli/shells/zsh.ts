/**
 * Completions for zsh.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { optionLabel, type OptionName, optionRow } from "../options.ts";
import {
  bareFamilies,
  families,
  firstWords,
  formsWithValue,
  optionsOf,
  secondWords,
  takesFiles,
  type Word,
  wordsAfter,
} from "./words.ts";

/** A file named `_trousseau` for a folder of zsh's `fpath`; it may be sourced too. */
export function zshCompletions(table: readonly Command[]): string {
  const pairs = table.map(({ name }) => name).filter((name) => name.includes(" "));
  const rows = [
    ...table.map((command) => `    ('${command.name}') ${commandRow(command, table)} ;;`),
    ...bareFamilies(table).map((name) => `    ('${name}') ${describe(secondWords(table, name))} ;;`),
    ...families(table).map((name) => `    ('help ${name}') ${describe(secondWords(table, name))} ;;`),
  ];
  return `#compdef trousseau
# zsh completion for trousseau
_trousseau() {
  local -a offered
  local name='' i=2 at=1
  # Finds the command; options may stand before it.
  while ((i < CURRENT)); do
    case $words[i] in
      (${formsWithValue().join("|")}) ((i += 1)) ;;
      (-*) ;;
      (*)
        if [[ -z $name ]]; then
          name=$words[i] at=$i
        else
          case "$name $words[i]" in
            (${[...pairs, ...families(table).map((first) => `help ${first}`)].map((name) => `'${name}'`).join("|")})
              name+=" $words[i]" at=$i ;;
          esac
          break
        fi
        ;;
    esac
    ((i += 1))
  done
  if [[ -z $name ]]; then
    if [[ $words[CURRENT-1] == (-c|--config) ]]; then
      _files
    else
      ${describe(firstWords(table))}
    fi
    return
  fi
  shift $((at - 1)) words
  ((CURRENT -= at - 1))
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
  const list = words.map(({ word, summary }) => quoted(summary === "" ? word : `${word}:${summary}`)).join(" ");
  return `offered=(${list}); _describe command offered`;
}

/** Words and files in the first place together. The blank before `_alternative` keeps options of `_arguments` from it. */
function commandRow(command: Command, table: readonly Command[]): string {
  const words = wordsAfter(command, table).map(({ word }) => word).join(" ");
  const many = command.positionals.at(-1)?.many;
  const action = takesFiles(command)
    ? words === "" ? "_files" : ` _alternative "words:word:(${words})" "files:file:_files"`
    : words === ""
    ? ""
    : `(${words})`;
  const positional = action === "" ? [] : [quoted(`${many ? "*" : "1"}:word:${action}`)];
  return ["_arguments", ...optionsOf(command).flatMap(optionSpecs), ...positional].join(" ");
}

function optionSpecs(name: OptionName): readonly string[] {
  const { type, short, choices, files, value, summary } = optionRow(name);
  const text = `[${summary.replace(/[[\]]/g, "\\$&").replaceAll(":", "\\:")}]`;
  const action = choices === undefined ? (files ? "_files" : "") : `(${choices.join(" ")})`;
  const end = type === "boolean" ? text : `${text}:${value}:${action}`;
  const long = quoted(`${optionLabel(name)}${type === "boolean" ? "" : "="}${end}`);
  return short === undefined ? [long] : [quoted(`-${short}${type === "boolean" ? "" : "+"}${end}`), long];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
