/**
 * Whether the program runs from a clone.
 *
 * @module
 */

/** True for `deno task start`. A staged bundle and a compiled binary are one JavaScript file, and have no task beside it. */
export const runsFromSource: boolean = import.meta.url.endsWith(".ts");

/** How somebody who has started it from a clone speaks to it: lines without their comment signs. */
export function tasksForTheClone(denoVersion: string): readonly string[] {
  return [
    "Speak to it in another terminal, in this folder: deno task trousseau probe",
    `Where Deno is not installed: npx -y deno@${denoVersion} task trousseau probe`,
  ];
}
