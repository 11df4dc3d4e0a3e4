/**
 * The end of a complaint about a name that does not exist.
 *
 * @module
 */
import { nearest, suggestion } from "../base/nearest.ts";

/** The words that other tools use for commands, and the commands. They are suggested, and not accepted. */
const commandHabits: Readonly<Record<string, string>> = {
  daemon: "serve",
  start: "serve",
  run: "serve",
  validate: "check",
  verify: "check",
  test: "check",
  lint: "check",
  doctor: "check",
  ping: "probe",
  health: "probe",
  info: "status",
  top: "status --watch",
  watch: "status --watch",
  rotate: "keys rotate",
  schema: "config schema",
  convert: "config convert",
  migrate: "config convert",
};

/** Words that a service manager takes: a plugin is started and stopped by its service manager. */
const serviceManagerWords: Readonly<Record<string, string>> = {
  stop: "systemctl stop trousseau",
  restart: "systemctl restart trousseau",
  reload: "systemctl reload trousseau",
  enable: "systemctl enable trousseau",
  disable: "systemctl disable trousseau",
  logs: "journalctl -u trousseau",
};

/** The command that was probably meant by its first word. @param names of all commands, and topics of the help. */
export function meantCommand(word: string, names: readonly string[]): string {
  const service = own(serviceManagerWords, word);
  if (service !== undefined) return suggestion(service);
  const habit = own(commandHabits, word.toLowerCase());
  if (habit !== undefined && names.includes(habit.split(" --")[0] ?? habit)) return suggestion(habit);
  const firsts = [...new Set(names.map((name) => name.split(" ")[0] ?? name))];
  const first = nearest(word, firsts);
  if (first !== undefined) return suggestion(first);
  const second = nearest(word, names.flatMap((name) => name.split(" ").slice(1)));
  return suggestion(second === undefined ? undefined : names.find((name) => name.endsWith(` ${second}`)));
}

/** The names that other tools use for options, without dashes, and the options. They are suggested, and not accepted. */
const optionHabits: Readonly<Record<string, string>> = {
  debug: "--verbose",
  f: "--config",
  file: "--config",
  follow: "--watch",
  format: "--output",
  n: "--interval",
  s: "--socket",
};

/** The option that was probably meant. @param typed with its dashes. @param accepted by the command, with dashes. */
export function meantOption(typed: string, accepted: readonly string[]): string {
  const name = typed.replace(/^-+/, "");
  const habit = own(optionHabits, name);
  return suggestion(habit !== undefined && accepted.includes(habit) ? habit : nearest(typed, accepted));
}

/** The option that a long one with one dash probably stands for; `undefined` for letters that are short options. */
export function meantWithTwoDashes(name: string, known: readonly string[]): string | undefined {
  return known.includes(name) ? `--${name}` : name.length > 1 ? own(optionHabits, name) : undefined;
}

function own(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
