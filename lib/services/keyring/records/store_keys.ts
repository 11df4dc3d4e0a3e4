/**
 * The store keys of one store: read from the table `key`, made under the quorum, opened at each use.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { hex } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { type KmsError, toKmsError } from "../../../base/errors.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { newDek } from "../../../envelope/seal.ts";
import { referenceTo, type Wrap } from "../../../envelope/wrap.ts";
import type { KekGroup } from "../../../kek/kek_group.ts";
import type { Engine, RowCondition, RowName, RowWrite } from "../engine/engine.ts";
import {
  damagedKey,
  decodeStoreKey,
  encodeStoreKey,
  type KeyName,
  type KeyUse,
  type OpenedKey,
  openStoreKey,
  type StoreKeyRow,
} from "./store_key.ts";

/** The part of a `KekGroup` that the keyring needs. */
export type StoreKeyGroup = Pick<KekGroup, "providers" | "needed" | "wrap" | "open" | "remember">;

/** Parts of a {@linkcode StoreKeys}. */
export interface StoreKeysParts {
  readonly engine: Engine;
  readonly group: StoreKeyGroup;
  readonly clock: Clock;
}

/** Maximum number of store keys; a store has about one more every 90 days. */
const maxKeys = 1_000;

/** A store key to be written: its name and 32 bytes. */
export interface NewKey {
  readonly name: KeyName;
  readonly bytes: Uint8Array;
}

/** See the module. */
export class StoreKeys {
  readonly #parts: StoreKeysParts;
  #rows: ReadonlyMap<string, StoreKeyRow> = new Map();
  /** In the order of {@linkcode StoreKeys.ofUse}, which each request asks for. */
  #byUse: ReadonlyMap<KeyUse, readonly StoreKeyRow[]> = new Map();
  /** Counts reads, so that a slow one does not replace the result of a later one. */
  readonly #loads = { started: 0, taken: 0 };

  constructor(parts: StoreKeysParts) {
    this.#parts = parts;
  }

  /** All keys that were read last. */
  rows(): readonly StoreKeyRow[] {
    return [...this.#rows.values()];
  }

  /** The key with an ID, if it was read. */
  row(id: Uint8Array): StoreKeyRow | undefined {
    return this.#rows.get(hex(id));
  }

  /** The keys of a use, the current one first: that of the newest epoch, and of these the one that was made last. */
  ofUse(use: KeyUse): readonly StoreKeyRow[] {
    return this.#byUse.get(use) ?? [];
  }

  /**
   * Reads the table anew.
   *
   * @throws {KeyringError} `integrity` if any row of it does not decode; `store_unavailable`.
   */
  async load(signal: AbortSignal): Promise<void> {
    const { engine } = this.#parts;
    const turn = ++this.#loads.started;
    const rows = new Map((await readStoreKeys(engine, signal)).map((row) => [hex(row.id), row]));
    if (turn < this.#loads.taken) return;
    this.#loads.taken = turn;
    this.#rows = rows;
    this.#byUse = Map.groupBy([...rows.values()].toSorted(newestFirst), ({ use }) => use);
  }

  /**
   * Opens a key by the rules of the group's cache: asked again after its age, served in an outage for a time, dropped at a
   * confirmed refusal.
   *
   * @throws {KeyringError} `integrity`, `kms_unavailable`.
   */
  async open(row: StoreKeyRow, signal: AbortSignal): Promise<OpenedKey> {
    const { frame: { wraps, envelope: { reference } }, hash: keepAs } = row;
    const open = (dek: Uint8Array) => openStoreKey(row, dek);
    try {
      const { seed } = await this.#parts.group.open({ wraps, reference, purpose: "keyring", open, keepAs }, { signal });
      return { ...row, bytes: seed };
    } catch (thrown) {
      throw keyFailure(toKmsError(thrown));
    }
  }

  /** A name for a new key. */
  newName(use: KeyUse, epoch: number): KeyName {
    const { engine: { storeId }, clock } = this.#parts;
    return {
      storeId,
      id: new Uint8Array(randomBytes(8)),
      use,
      epoch,
      createdAt: Math.max(0, Math.floor(clock.wall())),
    };
  }

  /**
   * Seals keys under one new data key that the quorum wraps, so that one remote call opens all of them.
   *
   * @throws {KeyringError} `kms_unavailable` if the quorum was not reached.
   */
  async sealed(keys: readonly NewKey[], signal: AbortSignal): Promise<readonly RowWrite[]> {
    const { group } = this.#parts;
    const dek = newDek();
    const wraps = await this.#wrapped(dek, signal);
    const rows = keys.map(({ name, bytes }) => ({
      table: "key",
      key: name.id,
      bytes: encodeStoreKey(bytes, name, dek, wraps),
    } as const));
    // The group owns the data key from here on.
    group.remember(dek, referenceTo(wraps), wraps);
    return rows;
  }

  async #wrapped(dek: Uint8Array, signal: AbortSignal): Promise<readonly Wrap[]> {
    const { group } = this.#parts;
    const members = group.providers.map((provider) => ({ provider }));
    try {
      return await group.wrap({ dek, purpose: "keyring", members, needed: group.needed }, signal);
    } catch (thrown) {
      dek.fill(0);
      throw keyFailure(toKmsError(thrown));
    }
  }
}

/**
 * Reads the table `key`. It asks no KMS.
 *
 * @throws {KeyringError} `integrity` if any row of it does not decode; `store_unavailable`.
 */
export async function readStoreKeys(
  engine: Pick<Engine, "scan" | "storeId">,
  signal: AbortSignal,
): Promise<readonly StoreKeyRow[]> {
  const stored = await engine.scan({ table: "key", prefix: new Uint8Array(0), limit: maxKeys + 1 }, signal);
  if (stored.length > maxKeys) throw damagedKey();
  return stored.map((row) => decodeStoreKey(row, engine.storeId));
}

/** The name of a key's row. */
export function keyRowName({ id }: Pick<KeyName, "id">): RowName {
  return { table: "key", key: id };
}

/** The condition that a key's row is still the one that was read. */
export function keyCondition({ id, version }: StoreKeyRow): RowCondition {
  return { ...keyRowName({ id }), version };
}

function newestFirst(one: StoreKeyRow, other: StoreKeyRow): number {
  return other.epoch - one.epoch || other.createdAt - one.createdAt || (hex(one.id) < hex(other.id) ? -1 : 1);
}

/** A failure of the group for the keyring: changed bytes, or a KMS that cannot be asked or refuses. */
function keyFailure(error: KmsError): KeyringError {
  if (error.code === "integrity") return damagedKey(error);
  const message = `No KMS can open the store: ${error.message}`;
  return new KeyringError("kms_unavailable", message, { cause: error });
}
