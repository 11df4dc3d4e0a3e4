/**
 * The scripts that a package manager runs, each a whole one: it has the functions that all of them use at its head.
 *
 * @module
 */

/** The name of a script, after the format's own. */
export type ScriptName = "deb_postinst" | "deb_prerm" | "deb_postrm" | "rpm_post" | "rpm_preun" | "rpm_postun";

/** All of them. */
export const scriptNames = [
  "deb_postinst",
  "deb_prerm",
  "deb_postrm",
  "rpm_post",
  "rpm_preun",
  "rpm_postun",
] as const satisfies readonly ScriptName[];

/** The text of a script, for a POSIX shell. */
export async function maintainerScript(name: ScriptName): Promise<string> {
  const parts = await Promise.all(
    ["functions", name].map((part) => Deno.readTextFile(new URL(`scripts/${part}.sh`, import.meta.url))),
  );
  return ["#!/bin/sh\nset -eu\n", ...parts].join("\n");
}
