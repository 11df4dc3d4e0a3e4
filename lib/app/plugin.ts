/**
 * The composition of the plugin: opens the state folder, the providers, the key ring and the handlers.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Notify } from "../telemetry/events.ts";
import { kmsHandlers } from "../services/kms/handlers.ts";
import type { CheckedProvider } from "../provider/provider.ts";
import type { Reloads } from "../base/reloads.ts";
import type { KmsHandlers } from "../api/kms/server.ts";
import { firstEncryptFile, type FirstEncryptState } from "../services/kms/key_ring/first_encrypt.ts";
import { folderSentinels, type SentinelStore } from "../services/kms/key_ring/sentinel_file.ts";
import { folderStore, type RingState } from "../services/kms/key_ring/state.ts";
import { openService, type Service } from "../services/kms/service.ts";
import { StateFolderWatch } from "../base/state_folder.ts";
import { version } from "../base/version.ts";
import { openProviders } from "./providers.ts";
import { requireOwnState } from "./decryptors.ts";

/** A plugin without its socket. */
export interface Plugin extends AsyncDisposable {
  readonly service: Service;
  readonly handlers: KmsHandlers;
  /** Must be called once the socket answers; see `OpenedService`. */
  examine(): void;
}

/**
 * Opens the plugin of a configuration. It does not wait for a KMS.
 *
 * @param around wraps each provider, for its spans.
 * @throws {KmsError} `config` if a file in the configuration is missing or cannot be used, or if the state folder belongs
 *   to another configuration.
 */
export async function openPlugin(
  config: Config,
  notify: Notify,
  reloads?: Reloads,
  around?: (provider: CheckedProvider) => CheckedProvider,
): Promise<Plugin> {
  await using opened = new ResourceStack();
  // This check comes first, because opening a provider can create a local key in the folder.
  await requireOwnState(config);
  const { providers, retired } = await openProviders(config, opened, notify, reloads, around);
  const onChange = (message: string) => notify({ type: "state_folder", writable: message === "", message });
  const folder = opened.use(new StateFolderWatch({ folder: config.state, clock: systemClock, onChange }));
  const service = opened.use(await openService({ ...ringOptions(config, folder), providers, retired, notify }));
  folder.start();
  const { kms, outage } = config;
  const handlers = kmsHandlers({ service, kms, outage, notify, version });
  const kept = opened.move();
  return {
    service,
    handlers,
    examine: () => service.examine(),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

function ringOptions(config: Config, folder: StateFolderWatch) {
  const [store, first] = [folderStore(config.state), firstEncryptFile(config.state)];
  const sentinels = folderSentinels(config.state);
  return {
    forgotten: config.forgotten,
    wrap: config.wrap,
    unwrap: config.unwrap,
    keyEpoch: config.keyEpoch,
    cache: config.cache,
    dekMaxAgeMs: config.readyDek.maxAgeMs,
    probeIntervalMs: config.probe.intervalMs,
    store: { load: store.load, save: (state: RingState) => folder.watched("key IDs", store.save(state)) },
    firstEncrypt: {
      read: () => first.read(),
      write: (value: FirstEncryptState) => folder.watched("first Encrypt", first.write(value)),
    },
    sentinels: {
      load: () => sentinels.load(),
      update: (change: Parameters<SentinelStore["update"]>[0]) => folder.watched("sentinels", sentinels.update(change)),
    },
    stateFolder: folder,
    clock: systemClock,
    readForeign: config.readForeign,
  };
}
