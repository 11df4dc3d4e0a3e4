/**
 * Opens the store of the keyring with the providers of its configuration, for the server and for the operator's commands.
 *
 * @module
 */
import { resolve } from "node:path";
import { systemClock } from "../base/clock.ts";
import type { Reloads } from "../base/reloads.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Config } from "../config/config.ts";
import { KekGroup } from "../kek/kek_group.ts";
import { openRecordStore, type SealedRecordStore } from "../services/keyring/records/record_store.ts";
import type { Notify } from "../telemetry/events.ts";
import { openConfiguredEngine } from "./keyring_engine.ts";
import { openProviders } from "./providers.ts";

/** A store and its providers. */
export interface OpenKeyringStore extends AsyncDisposable {
  readonly store: SealedRecordStore;
  readonly group: KekGroup;
}

/** How a store is opened. */
export interface OpenKeyringStoreOptions {
  /** Whether a missing store is made. */
  readonly create: boolean;
  readonly notify: Notify;
  /** Announces that credentials are to be read again; left out for a command. */
  readonly credentials?: Reloads;
  readonly signal: AbortSignal;
}

/**
 * Opens the store. It waits for no KMS.
 *
 * @param config of {@linkcode keyringOwnConfig}.
 * @throws {KeyringError} `store_unavailable`. @throws {KmsError} `config`
 */
export async function openKeyringStore(config: Config, options: OpenKeyringStoreOptions): Promise<OpenKeyringStore> {
  const { notify, credentials, create, signal } = options;
  await using opened = new ResourceStack();
  const group = await openKeyringGroup(config, opened, notify, credentials);
  const engine = await openConfiguredEngine(config.keyring.store, opened, { create, notify, signal });
  const store = openRecordStore({ engine, group, clock: systemClock });
  opened.use({ [Symbol.asyncDispose]: () => Promise.resolve(store[Symbol.dispose]()) });
  const kept = opened.move();
  return { store, group, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** Opens the providers of a keyring. It waits for no KMS. `opened` closes them. @throws {KmsError} `config` */
export async function openKeyringGroup(
  config: Config,
  opened: ResourceStack,
  notify: Notify,
  credentials?: Reloads,
): Promise<KekGroup> {
  const { wrap, unwrap, cache, probe } = config;
  const group = opened.use(
    new KekGroup({
      ...await openProviders(config, opened, notify, credentials),
      wrap,
      unwrap,
      cache,
      probes: { when: "while_unwell", intervalMs: probe.intervalMs },
      decrypts: { canFail: false, onFailing: () => {} },
      clock: systemClock,
      notify,
    }),
  );
  group.start();
  return group;
}

/** The configuration with the keyring's own state folder, and without a file with a local key of its own. */
export function keyringOwnConfig(config: Config): Config {
  const { state } = config.keyring;
  if (config.file !== undefined) return { ...config, state };
  const providers = config.providers.map((provider) => {
    const { settings } = provider;
    if (settings.kind !== "local") return provider;
    return { ...provider, settings: { ...settings, keyFile: resolve(state, "local.keys") } };
  });
  return { ...config, state, providers };
}

/**
 * The key file that opens the whole store, if every key of the keyring lies on this machine: then a backup opens nothing
 * without that file.
 */
export function onlyKeyFile({ providers }: Pick<Config, "providers">): string | undefined {
  const [first] = providers;
  if (first?.settings.kind !== "local" || providers.some(({ settings }) => settings.kind !== "local")) return undefined;
  return first.settings.keyFile;
}
