/**
 * `trousseau config convert`
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";
import { convert } from "../../config/convert/convert.ts";
import { readRegularFile, whyUnreadable } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { NewFile } from "./new_file.ts";
import { line, printable } from "../terminal.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Maximum size in bytes; the original's files have some hundred. */
const largest = 256 * 1024;

/** Prints the new config, and on stderr the notes for the user. */
export async function configConvert({ options, positionals, terminal }: TrousseauCall): Promise<ExitStatus> {
  const files = await Promise.all(positionals.map(async (path) => ({ path, text: await readText(path) })));
  const { config, notes } = convert(files, options["read-foreign"] ?? false);
  if (options.output === undefined) terminal.stdout.write(config);
  else await writeNew(options.output, config);
  for (const note of notes) line(terminal.stderr, printable(note));
  return exitCodes.ok.status;
}

async function readText(path: string): Promise<string> {
  const bytes = await readRegularFile(path, largest).catch((thrown) => {
    throw unreadable(path, whyUnreadable(thrown, path));
  });
  const text = utf8Text(bytes);
  if (text === undefined) throw unreadable(path, "it is not UTF-8 text");
  return text;
}

async function writeNew(path: string, text: string): Promise<void> {
  await using file = await NewFile.make(path, "leave --output out and use >");
  await file.write(text);
}

function unreadable(path: string, why: string): KmsError {
  return new KmsError("config", `Cannot read ${path}: ${why}.`);
}
