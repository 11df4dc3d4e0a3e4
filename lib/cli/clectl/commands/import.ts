/**
 * The command `import`: all secrets of a file, or none.
 *
 * @module
 */
import { utf8 } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { startProgress } from "../../progress.ts";
import { line } from "../../terminal.ts";
import type { SecretsApi } from "../api/secrets_api.ts";
import { folderAtText } from "../arguments.ts";
import { type ImportableSecret, importItems } from "../import/items.ts";
import { formatOf, refuseOtherOptions } from "../import/readers.ts";
import { type ImportComplaint, type ImportedFile, importFileLimits } from "../import/rows.ts";
import type { ClectlCall } from "../options.ts";
import { startBar } from "../output/bar.ts";
import { printedDocument } from "../output/print.ts";
import { visible } from "../output/visible.ts";
import { withSecrets } from "../session.ts";
import { fileBytes } from "../values/value_bytes.ts";

/** Limits of a request: items of the dry run, and UTF-16 units and bytes of a body. */
const requestLimits = { checked: 500, checkedLength: 8_388_608, bytes: 32 * 1024 * 1024 } as const;

/** `import FILE`: parses the file before a connection is made, then asks for a dry run, then writes. */
export async function importFile(call: ClectlCall): Promise<ExitStatus> {
  const { options, positionals: [path = ""] } = call;
  const below = folderAtText(options.below ?? "");
  const file = await parsedFile(call, path);
  const { items, complaints } = importItems(file.rows, below);
  for (const { place, why } of file.leftOut) printComplaint(call, path, place, `left out: ${why}`);
  const all = [...file.complaints, ...complaints];
  if (all.length > 0) return await refused(call, path, all, exitCodes.usage.status);
  checkSize(items, path);
  return await withSecrets(call, async (secrets) => {
    const found = await checked(call, secrets, items);
    if (found.length > 0) return await refused(call, path, found, exitCodes.unmet.status);
    if (!options["dry-run"]) await write(call, secrets, items);
    await printImported(call, path, items);
    return exitCodes.ok.status;
  });
}

/** @throws {KeyringError} `request_invalid` */
async function parsedFile({ options, terminal }: ClectlCall, path: string): Promise<ImportedFile> {
  const format = options.importFormat ?? formatOf(path);
  refuseOtherOptions(format, options);
  const bytes = await fileBytes(path, importFileLimits.packedBytes);
  const reading = {
    ...(options.path === undefined ? {} : { path: options.path }),
    ...(options.sheet === undefined ? {} : { sheet: options.sheet }),
  };
  const result = await terminal.parseImport({ format, bytes, options: reading }, terminal.signal);
  if ("file" in result) return result.file;
  throw new KeyringError("request_invalid", `Cannot import ${visible(path)} as ${format}: ${visible(result.why)}.`);
}

/** Asks the server about all items, in parts. @returns its complaints. */
async function checked(
  { terminal }: ClectlCall,
  secrets: SecretsApi,
  items: readonly ImportableSecret[],
): Promise<readonly ImportComplaint[]> {
  const found: ImportComplaint[] = [];
  using bar = startBar(terminal, "Checking", items.length);
  for (let at = 0; at < items.length;) {
    const part = partFrom(items, at);
    found.push(...await complaintsOf(secrets, part, true));
    bar.update(at += part.length);
  }
  return found;
}

/** The next items of the dry run; at least one. */
function partFrom(items: readonly ImportableSecret[], from: number): readonly ImportableSecret[] {
  let [to, length] = [from, 0];
  while (to < items.length && to - from < requestLimits.checked && length < requestLimits.checkedLength) {
    length += items[to++]?.json.length ?? 0;
  }
  return items.slice(from, to);
}

/** @throws {KeyringError} `too_large`: all secrets are written by one request. */
function checkSize(items: readonly ImportableSecret[], path: string): void {
  const bytes = items.reduce((sum, { json }) => sum + utf8(json).length + 1, 0);
  if (bytes <= requestLimits.bytes - 1024) return;
  throw new KeyringError(
    "too_large",
    `The secrets of ${visible(path)} are larger than 32 MiB as JSON: divide the file.`,
  );
}

async function write({ terminal }: ClectlCall, secrets: SecretsApi, items: readonly ImportableSecret[]): Promise<void> {
  using _progress = startProgress(terminal, `Writing ${items.length} secrets`);
  const [first] = await complaintsOf(secrets, items, false);
  if (first === undefined) return;
  throw new KeyringError("conflict", `Nothing was imported, since ${first.place} cannot be written: ${first.why}.`);
}

async function complaintsOf(
  secrets: SecretsApi,
  items: readonly ImportableSecret[],
  dryRun: boolean,
): Promise<readonly ImportComplaint[]> {
  const places = new Map<string, string>(items.map(({ path, place }) => [path, place]));
  const answer = await secrets.import(items.map(({ json }) => json), dryRun);
  return answer.items.flatMap(({ path, problem }) =>
    problem === undefined ? [] : [{ place: places.get(path) ?? path, why: problem.replace(/\.$/, "") }]
  );
}

async function refused(
  call: ClectlCall,
  path: string,
  complaints: readonly ImportComplaint[],
  status: ExitStatus,
): Promise<ExitStatus> {
  for (const { place, why } of complaints) printComplaint(call, path, place, why);
  line(call.terminal.stderr, `${call.program.name}: Nothing was imported.`);
  await printedDocument(call, { imported: 0, complaints });
  return status;
}

function printComplaint({ terminal }: ClectlCall, path: string, place: string, why: string): void {
  line(terminal.stderr, `${visible(path)}: ${visible(place)}: ${visible(why)}.`);
}

async function printImported(call: ClectlCall, path: string, items: readonly ImportableSecret[]): Promise<void> {
  const { options, terminal, program } = call;
  const isDry = options["dry-run"] === true;
  const document = {
    imported: isDry ? 0 : items.length,
    dryRun: isDry,
    items: items.map(({ place, path }) => ({ place, path })),
  };
  if (!isDry && !options.quiet) {
    line(terminal.stderr, `${program.name}: All values are still in ${visible(path)}; remove it and its copies.`);
  }
  if (await printedDocument(call, document) || options.quiet) return;
  for (const { path, place } of isDry ? items : []) line(terminal.stdout, `${visible(path)}  (${visible(place)})`);
  const count = `${items.length} secret${items.length === 1 ? "" : "s"}`;
  line(terminal.stdout, isDry ? `${count} would be imported.` : `${count} imported.`);
}
