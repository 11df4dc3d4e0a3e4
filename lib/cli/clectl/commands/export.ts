/**
 * The command `export`: the values of all secrets below a folder.
 *
 * @module
 */
import { environmentFile } from "../../../api/keyring/dialects.ts";
import { secretPath } from "../../../api/keyring/paths.ts";
import { utf8 } from "../../../base/bytes.ts";
import { yamlText } from "../../../base/yaml_text.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import type { SecretWithValues } from "../api/secret_answers.ts";
import { folderAt } from "../arguments.ts";
import { confirmed } from "../confirmation.ts";
import type { ClectlCall } from "../options.ts";
import { replaceOutput } from "../output/stream_to_file.ts";
import { visible, visibleLines } from "../output/visible.ts";
import { withSecrets } from "../session.ts";
import { secretDocument } from "./get.ts";

/** `export [FOLDER]`: JSON that `import` reads, YAML or an environment; into a file of mode 0600 with `--to`. */
export async function exportSecrets(call: ClectlCall): Promise<ExitStatus> {
  const folder = folderAt(call);
  const { options, terminal } = call;
  const { to } = options;
  if (options.dialect !== undefined && options.exportFormat !== "env") {
    throw new UsageError("--dialect is for -o env.", "export");
  }
  const shows = to === undefined && terminal.stdout.isTerminal;
  const question = `Show all values below ${folder === "" ? "the top folder" : visible(folder)} on this terminal?`;
  if (shows && !options.show && !await confirmed(call, question, "--show")) return exitCodes.unmet.status;
  return await withSecrets(call, async (secrets) => {
    const entries = await Array.fromAsync(secrets.listAll(folder));
    const results = await secrets.readMany(entries.map(({ path }) => secretPath(path)));
    const read = results.map(({ secret, problem }) => {
      // An export that lacks a secret would look complete.
      if (secret === undefined) throw problem;
      return secret;
    });
    const text = await exportText(call, read);
    if (to !== undefined) await replaceOutput(to, utf8(text));
    else terminal.stdout.write(shows ? visibleLines(text) : text);
    return exitCodes.ok.status;
  });
}

async function exportText({ options }: ClectlCall, secrets: readonly SecretWithValues[]): Promise<string> {
  const { exportFormat = "json", dialect = "posix" } = options;
  if (exportFormat === "env") return environmentFile(secrets.flatMap(({ fields }) => fields), dialect);
  const documents = secrets.map((secret) => secretDocument(secret, exportFormat));
  if (exportFormat === "json") return `${JSON.stringify(documents, null, 2)}\n`;
  return yamlText(await import("../yaml_package.ts"), documents);
}
