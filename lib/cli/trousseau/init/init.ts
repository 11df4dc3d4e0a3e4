/**
 * `trousseau init`
 *
 * The files are for `/etc`, where the program has no permission to write: the daemon is the same program. So they are
 * written into a folder below `/run`, with a script that root runs after a look at it.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { loadInitValues } from "../../../config/init_values.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import type { TrousseauCall } from "../terminal.ts";
import { writeInitFiles } from "./init_folder.ts";
import { initFiles } from "./plan.ts";

const folderName = "trousseau-init";

/** Writes the files, and prints where they are. */
export async function init({ options, terminal }: TrousseauCall): Promise<ExitStatus> {
  const folder = options.folder ?? join(terminal.environment.get("XDG_RUNTIME_DIR") ?? "/run", folderName);
  if (!isAbsolute(folder)) throw new UsageError("--folder is an absolute path below /run.", "init");
  const values = await loadInitValues(options.values, options.form);
  const files = initFiles(values);
  const written = await writeInitFiles(folder, files);
  for (const { path, target } of files) {
    line(terminal.stdout, `${join(folder, path)}${target === undefined ? "" : ` for ${target.path}`}`);
  }
  if (written === 0) line(terminal.stderr, `trousseau: All files were there already; nothing was written.`);
  else if (written < files.length) line(terminal.stderr, "trousseau: An earlier init was cut off; it is complete now.");
  line(terminal.stderr, `trousseau: Go on with ${join(folder, "CHECKLIST.md")}.`);
  return exitCodes.ok.status;
}
