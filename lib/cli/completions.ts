/**
 * `trousseau completions SHELL`: made from the table of commands.
 *
 * @module
 */
import type { Call, Command } from "./command.ts";
import { commands } from "./commands.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { type OptionName, optionRow, optionTable } from "./options.ts";

const writers: Readonly<Record<string, (table: readonly Command[]) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

/** Prints the script for one shell. */
export function completions({ positionals, terminal }: Call): Promise<ExitStatus> {
  const write = writers[positionals[0] ?? ""];
  if (write !== undefined) terminal.stdout.write(write(commands));
  return Promise.resolve(exitCodes.ok.status);
}

/** Options of a command, with the one that all have. */
function optionsOf(command: Command): readonly OptionName[] {
  return [...command.options, "help"];
}

/** Words that may follow `prefix`: the first words of all commands, or the second words of one family. */
function nextWords(table: readonly Command[], prefix: string): readonly { word: string; summary: string }[] {
  const depth = prefix === "" ? 0 : prefix.split(" ").length;
  const found = new Map<string, string>();
  for (const { name, summary } of table) {
    if (prefix !== "" && !name.startsWith(`${prefix} `)) continue;
    const word = name.split(" ")[depth];
    if (word !== undefined && !found.has(word)) found.set(word, summary);
  }
  return [...found].map(([word, summary]) => ({ word, summary }));
}

/** What may stand after the command itself: words of its family, or the choices of its first positional. */
function wordsAfter(command: Command, table: readonly Command[]): readonly string[] {
  const [first] = command.positionals;
  if (first?.command) return nextWords(table, "").map(({ word }) => word);
  return first?.choices ?? nextWords(table, command.name).map(({ word }) => word);
}

/** Families of two-word commands whose first word is no command itself, as `config` in `config schema`. */
function bareFamilies(table: readonly Command[]): readonly string[] {
  const firsts = table.map(({ name }) => name.split(" ")[0] ?? name);
  return [...new Set(firsts)].filter((first) => !table.some(({ name }) => name === first));
}

/** A script that bash sources. */
export function bashCompletions(table: readonly Command[]): string {
  const values = allOptions().flatMap(([name, row]) => {
    if (row.type === "boolean") return [];
    const offer = row.choices !== undefined ? `words='${row.choices.join(" ")}'` : row.files ? "files=yes" : "words=''";
    return [`    --${name}) ${offer} ;;`];
  });
  const rows = [
    ...table.map((command) => ({
      name: command.name,
      words: [...wordsAfter(command, table), ...optionsOf(command).map((option) => `--${option}`)],
    })),
    ...bareFamilies(table).map((name) => ({ name, words: nextWords(table, name).map(({ word }) => word) })),
  ];
  const first = nextWords(table, "").map(({ word }) => word);
  return `# bash completion for trousseau
_trousseau() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words='' files='' name
  # bash takes --option=value apart at the sign.
  if [[ $current == = ]]; then
    current=''
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  name="\${COMP_WORDS[1]}"
  if ((COMP_CWORD > 2)); then
    case "$name \${COMP_WORDS[2]}" in
${
    table.filter(({ name }) => name.includes(" ")).map(({ name }) => `    '${name}') name='${name}' ;;\n`).join("")
  }    esac
  fi
  case $previous in
${values.join("\n")}
    *)
      if ((COMP_CWORD == 1)); then
        words='${first.join(" ")}'
      else
        case $name in
${rows.map(({ name, words }) => `        '${name}') words='${words.join(" ")}' ;;\n`).join("")}        esac
      fi
      ;;
  esac
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

/** A file for zsh's `fpath`, named `_trousseau`. */
export function zshCompletions(table: readonly Command[]): string {
  const describe = (words: readonly { word: string; summary: string }[]) =>
    words.map(({ word, summary }) => `'${word}:${quotedInSingle(summary)}'`).join(" ");
  const cases = table.map((command) => {
    const words = wordsAfter(command, table);
    const specs = [
      ...optionsOf(command).map(zshOption),
      ...(words.length > 0 ? [`'1:word:(${words.join(" ")})'`] : []),
    ];
    return `    '${command.name}') _arguments ${specs.join(" ")} ;;\n`;
  });
  const families = bareFamilies(table).map((name) =>
    `    '${name}') words=(${describe(nextWords(table, name))}); _describe command words ;;\n`
  );
  const twoWords = table.filter(({ name }) => name.includes(" ")).map(({ name }) => `'${name}'`).join("|");
  return `#compdef trousseau
# zsh completion for trousseau
_trousseau() {
  local -a offered
  local name
  if ((CURRENT == 2)); then
    offered=(${describe(nextWords(table, ""))})
    _describe command offered
    return
  fi
  name=$words[2]
  shift words
  ((CURRENT--))
  if ((CURRENT > 2)); then
    case "$name $words[2]" in
      ${twoWords})
        name="$name $words[2]"
        shift words
        ((CURRENT--))
        ;;
    esac
  fi
  case $name in
${cases.join("")}${
    families.join("").replaceAll("words=(", "offered=(").replaceAll("command words", "command offered")
  }  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _trousseau "$@"
else
  compdef _trousseau trousseau
fi
`;
}

function zshOption(name: OptionName): string {
  const row = optionRow(name);
  const summary = quotedInSingle(row.summary.replaceAll("[", "(").replaceAll("]", ")"));
  if (row.type === "boolean") return `'--${name}[${summary}]'`;
  const action = row.choices !== undefined ? `(${row.choices.join(" ")})` : row.files ? "_files" : "";
  return `'--${name}=[${summary}]:${row.value}:${action}'`;
}

/** A file for fish's `completions` folder, named `trousseau.fish`. */
export function fishCompletions(table: readonly Command[]): string {
  const first = nextWords(table, "").map(({ word, summary }) =>
    `complete -c trousseau -n __fish_use_subcommand -a ${word} -d '${quotedInFish(summary)}'\n`
  );
  const rest = [...table, ...bareFamilies(table).map((name): Command | string => name)].flatMap((entry) => {
    if (typeof entry === "string") {
      return nextWords(table, entry).map(({ word, summary }) =>
        `complete -c trousseau -n '__fish_seen_subcommand_from ${entry}' -a ${word} -d '${quotedInFish(summary)}'\n`
      );
    }
    const condition = entry.name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    const words = wordsAfter(entry, table);
    return [
      ...(words.length > 0 ? [`complete -c trousseau -n '${condition}' -a '${words.join(" ")}'\n`] : []),
      ...optionsOf(entry).map((option) => `complete -c trousseau -n '${condition}' ${fishOption(option)}\n`),
    ];
  });
  return `# fish completion for trousseau\ncomplete -c trousseau -f\n${[...first, ...rest].join("")}`;
}

function fishOption(name: OptionName): string {
  const row = optionRow(name);
  const short = row.short === undefined ? "" : ` -s ${row.short}`;
  const value = row.choices !== undefined
    ? ` -x -a '${row.choices.join(" ")}'`
    : row.files
    ? " -r -F"
    : row.type === "string"
    ? " -x"
    : "";
  return `-l ${name}${short}${value} -d '${quotedInFish(row.summary)}'`;
}

function allOptions() {
  return (Object.keys(optionTable) as OptionName[]).map((name) => [name, optionRow(name)] as const);
}

function quotedInSingle(text: string): string {
  return text.replaceAll("'", `'\\''`);
}

function quotedInFish(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
}
