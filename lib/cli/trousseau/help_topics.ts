/**
 * The topics of `trousseau help` that are not commands.
 *
 * @module
 */
import { environmentVariables } from "../../config/environment.ts";
import { errorTopic } from "../error_topic.ts";
import { exitCodesTopic } from "../exit_topic.ts";
import type { Topic } from "../command.ts";
import { columns, sections, wrapped } from "../table.ts";

/** The table. */
export const topics = {
  "config": {
    summary: "what the configuration may hold, from its schema",
    text: async (words, program, width) =>
      (await import("./help_config.ts")).configHelp(words, program.commands, width),
  },
  "environment": { summary: "the variables that are read", text: (_words, _program, width) => environmentHelp(width) },
  "error": errorTopic,
  "exit-codes": exitCodesTopic,
} as const satisfies Readonly<Record<string, Topic>>;

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
