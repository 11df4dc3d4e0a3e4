/**
 * The store keys that one request or transaction has opened: each is asked for once.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { hex, lengthPrefixed } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { RowCondition } from "../engine/engine.ts";
import { keyCondition, type StoreKeys } from "./store_keys.ts";
import { type LookupPurpose, lookupPurposes } from "./records.ts";
import { damagedKey, type KeyUse, type OpenedKey, type StoreKeyRow } from "./store_key.ts";

/** The keys that stand behind the purposes of a lookup. */
const treePurposes: ReadonlySet<LookupPurpose> = new Set(["folder", "secret"]);

/** Whether records under keys of an older epoch are still expected; asked at most once in a session. */
export type ResealCheck = (newest: OpenedKey) => Promise<boolean>;

/** See the module. */
export class KeySession {
  readonly #ring: StoreKeys;
  readonly #signal: AbortSignal;
  readonly #isResealing: ResealCheck;
  readonly #opened = new Map<string, OpenedKey>();
  /** The keys on which the names or seals of written rows depend. */
  readonly #used = new Map<string, StoreKeyRow>();
  #loaded = false;
  #resealing: Promise<boolean> | undefined;

  constructor(ring: StoreKeys, isResealing: ResealCheck, signal: AbortSignal) {
    this.#ring = ring;
    this.#isResealing = isResealing;
    this.#signal = signal;
  }

  /** The key of a record, if it is open. */
  peek(id: Uint8Array): OpenedKey | undefined {
    return this.#opened.get(hex(id));
  }

  /**
   * The key of a record.
   *
   * @throws {KeyringError} `integrity` if no key that is in force has this ID; `kms_unavailable`.
   */
  async ofRecord(id: Uint8Array): Promise<OpenedKey> {
    const known = this.peek(id);
    if (known) return known;
    const row = this.#ring.row(id) ?? await this.#reloaded(id);
    if (row?.use !== "record") throw unknownKey();
    const [newest = row] = this.#ring.ofUse("record");
    if (row.epoch < newest.epoch && !await this.#mayBeOld(newest)) throw unknownKey();
    return await this.#open(row);
  }

  /** The current key of a use; a transaction that uses it for a write depends on it. */
  async current(use: KeyUse): Promise<OpenedKey> {
    const [row] = this.#ring.ofUse(use);
    if (!row) throw damagedKey();
    return await this.#open(row, "used");
  }

  /** HMACs under each key in force, the current one first; see `RecordReader.lookupKeys`. */
  async lookupKeys(purpose: LookupPurpose, fields: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const use = treePurposes.has(purpose) ? "index" : "lookup";
    const rows = this.#ring.ofUse(use);
    if (rows.length === 0) throw damagedKey();
    const keys: OpenedKey[] = [];
    for (const row of rows) keys.push(await this.#open(row, "used"));
    return keys.map(({ bytes }) => lookupMac(bytes, purpose, fields));
  }

  /** Opens all keys of records. @throws {KeyringError} `kms_unavailable`. */
  async requireRecordKeys(): Promise<void> {
    for (const row of this.#ring.ofUse("record")) await this.#open(row);
  }

  /** Whether the table of keys differs from what this session has used. */
  async changed(): Promise<boolean> {
    const before = this.#ring.rows();
    await this.#ring.load(this.#signal);
    const versions = (rows: readonly StoreKeyRow[]) => rows.map(({ id, version }) => `${hex(id)} ${version}`).join();
    const used = [...this.#used.values()].every((row) => this.#ring.row(row.id)?.version === row.version);
    return !used || versions(before) !== versions(this.#ring.rows());
  }

  /** The conditions of a commit: the keys that it depends on are still in force. */
  conditions(): readonly RowCondition[] {
    return [...this.#used.values()].map(keyCondition);
  }

  async #reloaded(id: Uint8Array): Promise<StoreKeyRow | undefined> {
    if (this.#loaded) return undefined;
    this.#loaded = true;
    await this.#ring.load(this.#signal);
    return this.#ring.row(id);
  }

  #mayBeOld(newest: StoreKeyRow): Promise<boolean> {
    return this.#resealing ??= this.#open(newest).then(this.#isResealing);
  }

  async #open(row: StoreKeyRow, how: "read" | "used" = "read"): Promise<OpenedKey> {
    const id = hex(row.id);
    if (how === "used") this.#used.set(id, row);
    const key = this.#opened.get(id) ?? await this.#ring.open(row, this.#signal);
    this.#opened.set(id, key);
    return key;
  }
}

/** HMAC-SHA-256 of the purpose in one byte and of each field behind its length. */
export function lookupMac(key: Uint8Array, purpose: LookupPurpose, fields: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key).update(Uint8Array.of(lookupPurposes[purpose]));
  return new Uint8Array(mac.update(lengthPrefixed(...fields)).digest());
}

/** HMAC-SHA-256 of each field behind its length, the first 8 bytes. */
export function fingerprintMac(key: Uint8Array, fields: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(lengthPrefixed(...fields)).digest()).slice(0, 8);
}

function unknownKey(): KeyringError {
  const message = "A stored record is sealed under a key that is not in force: the store was changed or damaged; " +
    "restore a backup.";
  return new KeyringError("integrity", message);
}
