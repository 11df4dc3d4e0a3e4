/**
 * The part that the commands on the keyring's store share: they open it as the server does.
 *
 * @module
 */
import { keyringOwnConfig, openKeyringStore } from "../../app/keyring_store.ts";
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
