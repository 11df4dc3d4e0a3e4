/**
 * Opens the store of the keyring with the providers of its configuration, for the server and for the operator's commands.
 *
 * @module
 */
import { resolve } from "node:path";
import { KeyringError } from "../api/keyring/problems.ts";
import { systemClock } from "../base/clock.ts";
import { effectiveCode, KmsError } from "../base/errors.ts";
import type { Reloads } from "../base/reloads.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Config } from "../config/config.ts";
import { KekGroup } from "../kek/kek_group.ts";
import { openRecordStore, type SealedRecordStore } from "../services/keyring/records/record_store.ts";
import { type KeyUse, keyUses } from "../services/keyring/records/store_key.ts";
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
  await requireOpenable(store, group, signal);
  const kept = opened.move();
  return { store, group, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** Milliseconds for a provider that asks no server. */
const localMs = 10_000;

/**
 * Refuses a store whose keys no provider of the configuration can open, however long it waits: none of them has wrapped the
 * keys, the recovery key is needed, or a local key file lacks the key. An outage is no reason.
 *
 * @throws {KmsError} `config`. @throws {KeyringError} `store_unavailable`.
 */
async function requireOpenable({ ring }: SealedRecordStore, group: KekGroup, signal: AbortSignal): Promise<void> {
  try {
    await ring.load(signal);
    for (const use of Object.keys(keyUses) as KeyUse[]) {
      const [current] = ring.ofUse(use);
      if (current === undefined) continue;
      const kinds = group.unwrapperKinds(current.frame.wraps, "keyring");
      if (kinds.every((kind) => kind === "local")) {
        await ring.open(current, AbortSignal.any([signal, AbortSignal.timeout(localMs)]));
      }
    }
  } catch (thrown) {
    const why = hopeless(thrown);
    if (why !== undefined) throw new KmsError("config", `Cannot open the store: ${why}`, { cause: thrown });
    // A damaged key is a finding, which the server shows.
    if (!(thrown instanceof KeyringError) || thrown.code !== "integrity") throw thrown;
  }
}

/** The reason why no wait helps; `undefined` if one may. */
function hopeless(thrown: unknown): string | undefined {
  const error = thrown instanceof KeyringError && thrown.code === "kms_unavailable" ? thrown.details.cause : thrown;
  if (!(error instanceof KmsError) || effectiveCode(error) !== "key_unknown") return undefined;
  return error.message.replace(/^Cannot decrypt: /, "");
}

/**
 * Opens the providers of the store keys. It waits for no KMS.
 *
 * @param opened closes them.
 * @throws {KmsError} `config`
 */
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
