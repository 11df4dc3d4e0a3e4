/**
 * The plugin put together: everything that `serve` opens, opened once and handed down.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Notify } from "../telemetry/events.ts";
import { kmsHandlers } from "../services/kms/handlers.ts";
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
  /** To be called once its socket answers: see `OpenedService`. */
  examine(): void;
}

/**
 * Opens the providers, the key ring and the handlers of a configuration. No KMS is waited for.
 *
 * @throws {KmsError} `config` if something that the configuration names is not there.
 */
export async function openPlugin(config: Config, notify: Notify, reloads?: Reloads): Promise<Plugin> {
  await using opened = new ResourceStack();
  // Before a local key is made beside what is another configuration's.
  await requireOwnState(config);
  const { providers, retired } = await openProviders(config, opened, notify, reloads);
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
