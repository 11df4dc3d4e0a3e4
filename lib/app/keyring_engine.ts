/**
 * Opens the engine of the configured store.
 *
 * @module
 */
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import type { ResourceStack } from "../base/resource_stack.ts";
import type { KeyringStoreConfig } from "../config/config.ts";
import { EtcdClient } from "../net/etcd/etcd_client.ts";
import { openEmbeddedEngine } from "../services/keyring/engine/embedded_engine.ts";
import type { Engine } from "../services/keyring/engine/engine.ts";
import { openEtcdEngine } from "../services/keyring/engine/etcd_engine.ts";
import type { Notify } from "../telemetry/events.ts";

/** How an engine is opened. */
export interface OpenEngineOptions {
  /** Whether a missing store is made. */
  readonly create: boolean;
  readonly notify: Notify;
  readonly signal: AbortSignal;
}

/** The path of the database in the folder of an embedded store. */
export function databasePath(folder: string): string {
  return join(folder, "keyring.db");
}

/**
 * Opens the engine. `opened` closes it.
 *
 * @throws {KeyringError} `store_unavailable`. @throws {KmsError} `config` for TLS files that cannot be used.
 */
export async function openConfiguredEngine(
  store: KeyringStoreConfig,
  opened: ResourceStack,
  { create, notify, signal }: OpenEngineOptions,
): Promise<Engine> {
  const clock = systemClock;
  if (store.kind === "embedded") {
    return opened.use(await openEmbeddedEngine({ path: databasePath(store.folder), clock, notify, create }));
  }
  const client = await openEtcdClient(store, notify);
  opened.use({ [Symbol.asyncDispose]: () => Promise.resolve(client[Symbol.dispose]()) });
  return opened.use(await openEtcdEngine({ client, prefix: store.prefix, clock, notify, create }, signal));
}

/** Opens the client of a configured etcd. It makes no connection. @throws {KmsError} `config` */
export async function openEtcdClient(
  store: Extract<KeyringStoreConfig, { readonly kind: "etcd" }>,
  notify: Notify,
): Promise<EtcdClient> {
  const { endpoints, caFile, certificateFile, keyFile, username: name, password } = store;
  const tls = {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certificateFile === undefined ? {} : { certificateFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
  const user = name === undefined || password === undefined ? {} : { user: { name, password } };
  return await EtcdClient.open({ endpoints, tls, ...user }, systemClock, notify);
}
