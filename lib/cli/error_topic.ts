/**
 * The help topic `error` of every program.
 *
 * @module
 */
import type { Topic } from "./command.ts";

/** Causes and cures of error sentences. */
export const errorTopic: Topic = {
  summary: "cause and cure of a failure, by its anchor or its sentence",
  text: async (words, { name }, width) => (await import("./error_rows.ts")).errorHelp(words, name, width),
};
