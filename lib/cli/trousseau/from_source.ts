/**
 * Whether the program runs from a clone.
 *
 * @module
 */

/** True for `deno task start`. A staged bundle and a compiled binary are one JavaScript file, and have no task beside it. */
export const runsFromSource: boolean = import.meta.url.endsWith(".ts");

/** The first commands for a plugin that runs from a clone: lines without their comment signs. */
export function tasksForTheClone(denoVersion: string): readonly string[] {
  return [
    "Speak to it in another terminal, in this folder: deno task trousseau probe",
    `Where Deno is not installed: npx -y deno@${denoVersion} task trousseau probe`,
  ];
}
