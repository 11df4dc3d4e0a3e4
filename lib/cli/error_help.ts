/**
 * The anchors of a failure's messages, as the programs print them.
 *
 * @module
 */
import type { ReportedError } from "./command.ts";

/** Maximum number of anchors in a line of text. */
const maxShown = 5;

/** An error in the output of `--json`. */
export interface ErrorDocument extends Pick<ReportedError, "code" | "message" | "causes"> {
  /** The anchors of the message and of the causes in `docs/errors.md`, each once. */
  readonly anchors: readonly string[];
}

/** The error with the anchors of its message and of its causes. */
export async function errorDocument(
  { code, message, causes }: Pick<ReportedError, "code" | "message" | "causes">,
): Promise<ErrorDocument> {
  return { code, message, causes, anchors: await messageAnchors([message, ...causes]) };
}

/** The anchors of messages, each once; a message can have several lines. */
export async function messageAnchors(messages: readonly string[]): Promise<readonly string[]> {
  if (messages.length === 0) return [];
  // Loaded on demand, because a call that succeeds needs no anchor.
  const { anchorsOf } = await import("../base/error_anchors.ts");
  return anchorsOf(messages.flatMap((message) => message.split("\n")));
}

/** The line below the messages that names the command for their causes and cures; empty if none has an anchor. */
export function errorHelpLines(program: string, anchors: readonly string[]): readonly string[] {
  if (anchors.length === 0) return [];
  return [`Run "${program} help error ${anchors.slice(0, maxShown).join(" ")}" for cause and cure.`];
}
