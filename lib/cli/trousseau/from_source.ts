/**
 * Whether the program runs from a clone of the repository.
 *
 * @module
 */

/** True for `deno task start`. A staged bundle and a compiled binary are single JavaScript files without tasks. */
export const runsFromSource: boolean = import.meta.url.endsWith(".ts");

/** The first commands for a plugin that runs from a clone, as lines without comment signs. */
export function tasksForTheClone(denoVersion: string): readonly string[] {
  return [
    "Speak to it in another terminal, in this folder: deno task trousseau probe",
    `Where Deno is not installed: npx -y deno@${denoVersion} task trousseau probe`,
  ];
}
