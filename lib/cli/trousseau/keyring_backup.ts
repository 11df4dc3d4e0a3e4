/**
 * `trousseau keyring backup` and `trousseau keyring restore`.
 *
 * @module
 */
import { resolve } from "node:path";
import { hex } from "../../base/bytes.ts";
import { rfc3339, systemClock } from "../../base/clock.ts";
import { adminBackup } from "../../app/keyring_admin.ts";
import { diskBoundKeys } from "../../app/disk_bound_keys.ts";
import { openConfiguredEngine } from "../../app/keyring_engine.ts";
import { restoreKeyring } from "../../app/keyring_restore.ts";
import { keyringOwnConfig } from "../../app/keyring_store.ts";
import { ResourceStack } from "../../base/resource_stack.ts";
import { backupOf } from "../../services/keyring/backup/backup.ts";
import { type BackupSummary, verifyBackup } from "../../services/keyring/backup/backup_format.ts";
import { requireOpenableBackup } from "../../services/keyring/backup/openable.ts";
import { readStoreKeys } from "../../services/keyring/records/store_keys.ts";
import type { Config } from "../../config/config.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { startProgress } from "../progress.ts";
import { line } from "../terminal.ts";
import { type ByteOutput, processBytes } from "./byte_output.ts";
import { commandLog } from "./command_log.ts";
import { configured } from "./configured.ts";
import type { TrousseauCall } from "./terminal.ts";

/**
 * Writes a backup to standard output: from the running server, or from the store itself if there is none. Each byte is
 * read back as it is written.
 *
 * @throws {KeyringError} `backup_unopenable` if a store key is wrapped on this machine alone: such a backup opens nothing once
 *   the disk is lost.
 * @throws {UsageError} if standard output is a terminal.
 */
export async function keyringBackup(call: TrousseauCall, output: ByteOutput = processBytes()): Promise<ExitStatus> {
  const { options, terminal: { stderr, signal } } = call;
  const config = keyringOwnConfig(await configured(call));
  const keyFileKeptElsewhere = options["key-file-kept-elsewhere"] ?? false;
  if (output.isTerminal) {
    throw new UsageError("A backup is binary and goes to standard output: redirect it into a file.", "keyring backup");
  }
  using progress = startProgress(call.terminal, "Writing the backup");
  await using opened = new ResourceStack();
  const served = await adminBackup(config.keyring.adminSocket.path, { keyFileKeptElsewhere, signal });
  const chunks = served ?? await ownBackup(call, config, opened);
  const summary = await verifyBackup(written(chunks, output, (bytes) => {
    progress.update(`Writing the backup: ${Math.round(bytes / 1e6)} MB`);
  }));
  for (const text of summaryLines("The backup is whole", summary)) line(stderr, text);
  return exitCodes.ok.status;
}

/** The backup of a store that has no server. It asks no KMS. */
async function ownBackup(
  call: TrousseauCall,
  config: Config,
  opened: ResourceStack,
): Promise<AsyncIterable<Uint8Array>> {
  const { options, terminal: { signal } } = call;
  const { notify } = commandLog(call);
  const engine = await openConfiguredEngine(config.keyring.store, opened, { create: false, notify, signal });
  if (!options["key-file-kept-elsewhere"]) {
    requireOpenableBackup(diskBoundKeys(config, await readStoreKeys(engine, signal)));
  }
  return backupOf(engine, systemClock, signal);
}

/** Restores a backup into a store that is empty. */
export async function keyringRestore(call: TrousseauCall): Promise<ExitStatus> {
  const { options, positionals: [file = ""], terminal: { stdout, signal } } = call;
  const config = keyringOwnConfig(await configured(call));
  using _progress = startProgress(call.terminal, "Restoring the backup");
  const { summary, identitiesKept } = await restoreKeyring(config, resolve(file), {
    keepIdentities: options["keep-identities"] ?? false,
    notify: commandLog(call).notify,
    signal,
  });
  for (const text of summaryLines("The backup is restored", summary)) line(stdout, text);
  line(stdout, "Every write and deletion after that time is undone.");
  line(
    stdout,
    identitiesKept
      ? "Tokens, codes and certificates of that time are valid again."
      : "All tokens, codes and certificates of before are refused: enrol people anew over the admin socket.",
  );
  return exitCodes.ok.status;
}

function summaryLines(what: string, { createdAt, storeId, rows }: BackupSummary): readonly string[] {
  return [`${what}: ${rows} rows of store ${hex(storeId)}, as of ${rfc3339(createdAt) ?? "?"}.`];
}

/** Passes chunks on after they were written. */
async function* written(
  chunks: AsyncIterable<Uint8Array>,
  output: ByteOutput,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    output.write(chunk);
    onBytes(bytes += chunk.length);
    yield chunk;
  }
}
