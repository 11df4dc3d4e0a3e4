/**
 * The command `render`: a file with the values that a template refers to.
 *
 * @module
 */
import { basename } from "node:path";
import { equalBytes, utf8, utf8Text } from "../../../base/bytes.ts";
import { type FolderPath, folderPath, parentOf, type SecretPath, segmentsOf } from "../../../api/keyring/paths.ts";
import { KeyringError, problems } from "../../../api/keyring/problems.ts";
import { parseTemplate, renderTemplate, type Template } from "../../../api/keyring/templates.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import { lastingWatch } from "../api/lasting_watch.ts";
import type { SecretsApi } from "../api/secrets_api.ts";
import { confirmed } from "../confirmation.ts";
import { isTemporary } from "../connection/temporary.ts";
import type { ClectlCall } from "../options.ts";
import { replaceOutput } from "../output/stream_to_file.ts";
import { visible, visibleLines } from "../output/visible.ts";
import { withSecrets } from "../session.ts";
import { fileBytes } from "../values/value_bytes.ts";

/** Maximum size of a template, and of an existing file that is compared, in bytes. */
const maxBytes = 16 * 1024 * 1024;

/** `render TEMPLATE`: to standard output, or with `--to` into a file; with `--watch` again after each change. */
export async function render(call: ClectlCall): Promise<ExitStatus> {
  const { options, positionals: [file = ""], terminal } = call;
  const { to } = options;
  if (options.watch && to === undefined) {
    throw new UsageError("--watch writes a file: name it with --to FILE.", "render");
  }
  const text = utf8Text(await fileBytes(file, maxBytes));
  if (text === undefined) throw new KeyringError("request_invalid", `The template ${visible(file)} is not UTF-8 text.`);
  const template = parseTemplate(text, visible(basename(file)));
  const shows = to === undefined && terminal.stdout.isTerminal;
  if (shows && !options.show && !await confirmed(call, "Show the values on this terminal?", "--show")) {
    return exitCodes.unmet.status;
  }
  return await withSecrets(call, async (secrets) => {
    if (to !== undefined && options.watch) return await keepRendered(call, secrets, template, to);
    const rendered = await renderedText(secrets, template);
    if (to !== undefined) await writeChanged(to, rendered);
    else terminal.stdout.write(shows ? visibleLines(rendered) : rendered);
    return exitCodes.ok.status;
  });
}

/** @throws {KeyringError} `request_invalid` for a field or a secret that does not exist; the problem of a secret. */
async function renderedText(secrets: SecretsApi, template: Template): Promise<string> {
  const results = await secrets.readMany(template.paths);
  const byPath = new Map(results.map(({ path, secret, problem }) => {
    if (problem !== undefined && problem.code !== "not_found") throw problem;
    return [path, secret?.fields] as const;
  }));
  return renderTemplate(template, (path) => byPath.get(path));
}

/** Writes the file if its content differs, so that a watch of the file sees changes alone. @returns whether it did. */
async function writeChanged(path: string, text: string): Promise<boolean> {
  const bytes = utf8(text);
  const [old, mode] = await Promise.all([
    Deno.readFile(path).catch(() => undefined),
    Deno.stat(path).then(({ mode }) => (mode ?? 0) & 0o777, () => 0),
  ]);
  if (old !== undefined && mode === 0o600 && old.length === bytes.length && equalBytes(old, bytes)) return false;
  await replaceOutput(path, bytes);
  return true;
}

/** Renders after each connection of the watch and each change, until the command is stopped. */
async function keepRendered(
  call: ClectlCall,
  secrets: SecretsApi,
  template: Template,
  to: string,
): Promise<ExitStatus> {
  const { terminal, program } = call;
  const wanted = new Set<string>(template.paths);
  for await (const change of lastingWatch(call, secrets, commonFolder(template.paths))) {
    const matters = change === undefined || wanted.has(change.path) || wanted.has(change.from ?? "");
    if (!matters) continue;
    try {
      const written = await writeChanged(to, await renderedText(secrets, template));
      if (written) line(terminal.stderr, `${program.name}: ${visible(to)} is written.`);
    } catch (thrown) {
      if (terminal.signal.aborted) break;
      if (!(thrown instanceof Error) || !leavesFile(thrown)) throw thrown;
      line(terminal.stderr, `${program.name}: ${visible(to)} stays as it is: ${thrown.message}`);
    }
  }
  return exitCodes.ok.status;
}

/** Whether a failure can end by the next change. A refusal does not: the program ends, and its service manager sees it. */
function leavesFile(thrown: Error): boolean {
  if (isTemporary(thrown)) return true;
  const kind = thrown instanceof KeyringError ? problems[thrown.code].kind : undefined;
  return kind === "condition" || kind === "input";
}

/** The innermost folder that contains all paths. */
function commonFolder(paths: readonly SecretPath[]): FolderPath {
  const [first = [], ...others] = paths.map((path) => segmentsOf(parentOf(path)));
  const differs = first.findIndex((segment, at) => others.some((other) => other[at] !== segment));
  return folderPath(first.slice(0, differs < 0 ? first.length : differs).join("/"));
}
