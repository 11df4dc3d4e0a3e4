/**
 * The end of an error message about an unknown command or option.
 *
 * @module
 */
import { nearest, suggestion } from "../base/nearest.ts";
import type { Habits } from "./command.ts";

/**
 * A suggestion of the intended command, from its first word.
 *
 * @param names of all commands, and topics of the help.
 */
export function meantCommand(word: string, names: readonly string[], habits: Habits): string {
  const line = own(habits.otherPrograms, word);
  if (line !== undefined) return suggestion(line);
  const habit = own(habits.commands, word.toLowerCase());
  if (habit !== undefined && names.includes(habit.split(" --")[0] ?? habit)) return suggestion(habit);
  const paths = names.map((name) => name.split(" "));
  const first = nearest(word, [...new Set(paths.flatMap((path) => path.slice(0, 1)))]);
  if (first !== undefined) return suggestion(first);
  const later = nearest(word, paths.flatMap((path) => path.slice(1)));
  // The shortest command of the word.
  const path = later === undefined
    ? undefined
    : paths.filter((one) => one.indexOf(later) > 0).sort((a, b) => a.length - b.length)[0];
  return suggestion(path?.slice(0, path.indexOf(later ?? "") + 1).join(" "));
}

/**
 * A suggestion of the intended option. @param typed with its dashes. @param accepted the command's options, with
 * dashes.
 */
export function meantOption(typed: string, accepted: readonly string[], habits: Habits): string {
  const name = typed.replace(/^-+/, "");
  const habit = own(habits.options, name);
  return suggestion(habit !== undefined && accepted.includes(habit) ? habit : nearest(typed, accepted));
}

/**
 * The option that was probably intended by a long name with one dash; `undefined` for letters that are short options.
 */
export function meantWithTwoDashes(name: string, known: readonly string[], habits: Habits): string | undefined {
  return known.includes(name) ? `--${name}` : name.length > 1 ? own(habits.options, name) : undefined;
}

function own(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
