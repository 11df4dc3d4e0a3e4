/**
 * The last line of a failure on stderr, which names the anchor of its sentence.
 *
 * @module
 */
import { ok } from "node:assert/strict";

const helpLine = /^Run "(trousseau|clectl) help error [\w -]+" for cause and cure\.\n/m;

/** The text without that line, which has to be there. */
export function withoutHelp(stderr: string): string {
  ok(helpLine.test(stderr), stderr);
  return stderr.replace(helpLine, "");
}
