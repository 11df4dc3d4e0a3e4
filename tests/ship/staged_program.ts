/**
 * The program of a machine without a runtime to compile with: staged modules, run by a Deno that the machine has mounted.
 *
 * @module
 */
import type { Artefact } from "../../deploy/compile/artefacts.ts";

/** Paths on the machine. */
export interface StagedPlaces {
  /** The folder of the staged artefacts. */
  readonly stage: string;
  readonly deno: string;
}

/** A script that takes the place of a binary, also behind its links. */
export function stagedProgram(
  { name, links = {} }: Pick<Artefact, "name" | "links">,
  { stage, deno }: StagedPlaces,
): string {
  const cases = Object.entries(links).map(([link, words]) => `${link}) set -- ${words.join(" ")} "$@" ;;`);
  return `#!/bin/sh
case "\${0##*/}" in ${cases.join(" ")} *) ;; esac
export DENO=${deno} DENO_DIR=/tmp/deno
exec ${stage}/${name} "$@"
`;
}
