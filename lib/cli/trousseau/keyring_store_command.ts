/**
 * The part that the commands on the keyring's store share: they open it as the server does.
 *
 * @module
 */
import type { UpkeepJob, UpkeepReport } from "../../api/keyring/upkeep_schemas.ts";
import { adminUpkeep } from "../../app/keyring_admin.ts";
import { keyringOwnConfig, openKeyringStore } from "../../app/keyring_store.ts";
import { workOnStore } from "../../app/keyring_upkeep.ts";
import type { Config } from "../../config/config.ts";
import type { SealedRecordStore } from "../../services/keyring/records/record_store.ts";
import { type Progress, startProgress } from "../progress.ts";
import { commandLog } from "./command_log.ts";
import { configured } from "./configured.ts";
import type { TrousseauCall } from "./terminal.ts";

/** An open store in a command. */
export interface StoreCommand {
  readonly config: Config;
  readonly store: SealedRecordStore;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Opens the store and runs a command on it. An embedded store has one process: its server must be stopped.
 *
 * @throws {KeyringError} `store_unavailable`, also while a server has the store. @throws {KmsError} `config`
 */
export async function withKeyringStore<Result>(
  call: TrousseauCall,
  what: string,
  work: (command: StoreCommand) => Promise<Result>,
): Promise<Result> {
  const { signal } = call.terminal;
  const config = keyringOwnConfig(await configured(call));
  const { notify } = commandLog(call);
  await using opened = await openKeyringStore(config, { create: false, notify, signal });
  using progress = startProgress(call.terminal, what);
  return await work({ config, store: opened.store, progress, signal });
}

/**
 * Does work on the whole store: by its server if an embedded store has one that runs, else in this process.
 *
 * @throws {KeyringError} of the work. @throws {KmsError} `config`; `unreachable` for a server that does not answer.
 */
export async function withUpkeep<Job extends UpkeepJob>(
  call: TrousseauCall,
  job: Job,
  what: string,
): Promise<UpkeepReport<Job>> {
  const { signal } = call.terminal;
  const config = keyringOwnConfig(await configured(call));
  using progress = startProgress(call.terminal, what);
  const working = { signal, onProgress: (text: string) => progress.update(text || what) };
  if (config.keyring.store.kind === "embedded") {
    const providers = job === "rewrap" ? { providers: config.providers.map(({ name }) => name) } : {};
    const report = await adminUpkeep(config.keyring.adminSocket.path, { job, ...providers }, working);
    if (report !== undefined) return report;
  }
  const { notify } = commandLog(call);
  await using opened = await openKeyringStore(config, { create: false, notify, signal });
  return await workOnStore(job, { store: opened.store, config }, working);
}
