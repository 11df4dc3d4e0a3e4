/**
 * The help topic `exit-codes` of every program.
 *
 * @module
 */
import type { Topic } from "./command.ts";
import { columns, sections, wrapped } from "./table.ts";

/** The exit statuses of a program, with their remedies. */
export const exitCodesTopic: Topic = {
  summary: "the exit statuses, and what to do about them",
  text: (_words, { exits }, width) => {
    const rows = Object.values(exits);
    return sections([
      [
        "",
        wrapped(
          "Every command ends with one of these, and the worst finding counts. Why is said on stderr in one sentence. " +
            "The numbers above 63 are those of sysexits.h.",
          width,
        ),
      ],
      ["Exit status", columns(rows.map(({ status, meaning }) => [String(status), meaning]), width)],
      ["What to do", columns(rows.map(({ status, cure }) => [String(status), cure]), width)],
    ]);
  },
};
