/**
 * The command `watch`: changes below a folder, as they happen.
 *
 * @module
 */
import { yamlText } from "../../../base/yaml_text.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { jsonLine, line } from "../../terminal.ts";
import { lastingWatch } from "../api/lasting_watch.ts";
import { folderAt } from "../arguments.ts";
import type { ClectlCall } from "../options.ts";
import { visible, writeText } from "../output/visible.ts";
import { withSecrets } from "../session.ts";

/** `watch [FOLDER]`: one line for each change, a JSON document in each line, or YAML documents. It ends with 0 at SIGINT. */
export async function printChanges(call: ClectlCall): Promise<ExitStatus> {
  const folder = folderAt(call);
  const { stdout } = call.terminal;
  return await withSecrets(call, async (secrets) => {
    for await (const change of lastingWatch(call, secrets, folder)) {
      if (change === undefined) continue;
      const { path, version, action, from } = change;
      if (call.options.json) jsonLine(stdout, change);
      else if (call.options.format === "yaml") {
        writeText(stdout, `---\n${yamlText(await import("../yaml_package.ts"), change)}`);
      } else line(stdout, visible(`${action} ${path} version ${version}${from === undefined ? "" : ` from ${from}`}`));
    }
    return exitCodes.ok.status;
  });
}
