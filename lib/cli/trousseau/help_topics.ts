/**
 * The topics of `trousseau help` that are not commands.
 *
 * @module
 */
import { environmentVariables } from "../../config/environment.ts";
import type { Command } from "../command.ts";
import { exitCodes } from "../exit_codes.ts";
import { columns, sections, wrapped } from "../table.ts";

/** One topic. */
interface Topic {
  /** Half a line for the list of topics. */
  readonly summary: string;
  /**
   * The whole text.
   *
   * @param words that follow the topic.
   * @throws {UsageError} for words that the topic does not have.
   */
  readonly text: (words: readonly string[], table: readonly Command[], width: number) => string | Promise<string>;
}

/** The table. */
export const topics = {
  "config": {
    summary: "what the configuration may hold, from its schema",
    text: async (words, table, width) => (await import("./help_config.ts")).configHelp(words, table, width),
  },
  "environment": { summary: "the variables that are read", text: (_words, _table, width) => environmentHelp(width) },
  "exit-codes": {
    summary: "the exit statuses, and what to do about them",
    text: (_words, _table, width) => exitCodesHelp(width),
  },
} as const satisfies Record<string, Topic>;

/** The names of all topics. */
export const topicNames: readonly string[] = Object.keys(topics);

/** The text of a topic of {@linkcode topicNames}. */
export async function topicHelp(
  name: string,
  words: readonly string[],
  table: readonly Command[],
  width: number,
): Promise<string> {
  const found = Object.entries<Topic>(topics).find(([topic]) => topic === name)?.[1];
  return await found?.text(words, table, width) ?? "";
}

function environmentHelp(width: number): string {
  return sections([
    [
      "",
      wrapped(
        "Trousseau reads these variables of the environment. Of those that the runtime inside it obeys, it looks " +
          "whether they are set, and warns.",
        width,
      ),
    ],
    ["Variables", columns(Object.entries(environmentVariables), width)],
  ]);
}

function exitCodesHelp(width: number): string {
  return sections([
    [
      "",
      wrapped(
        "Every command ends with one of these, and the worst finding counts. Why is said on stderr in one sentence. " +
          "The numbers above 63 are those of sysexits.h.",
        width,
      ),
    ],
    ["Exit status", columns(Object.values(exitCodes).map(({ status, meaning }) => [String(status), meaning]), width)],
    ["What to do", columns(Object.values(exitCodes).map(({ status, cure }) => [String(status), cure]), width)],
  ]);
}
