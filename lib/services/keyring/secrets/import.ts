/**
 * Imports many secrets, all or none: each item is staged with a claim on its path, one commit makes all of them exist, and
 * then they are put in their places. No step depends on the process that began it.
 *
 * @module
 */
import { hex, utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import { type SecretPath, segmentsOf } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { engineLimits } from "../engine/engine.ts";
import { recordOperations, type RecordReader, type RecordStore, type RecordTransaction } from "../records/records.ts";
import { claimed, claimKey, type Claims } from "./claims.ts";
import { claimCodec, importCodec, importListCodec, importListName } from "./import_records.ts";
import { emptySecret, finished, withContent, withVersion } from "./secret_changes.ts";
import { type FoundSecret, newTreeId, type SecretTree } from "./tree.ts";
import { newValue, valueCodec, valueKey } from "./value_record.ts";
import { askedVersion, checkVersion } from "./versions.ts";

/** A secret to import. */
export interface ImportItem {
  readonly path: SecretPath;
  readonly fields: readonly SecretField[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly expiresAt?: number;
  /** The newest version of a secret that gets another one; left out, the path must not exist. */
  readonly cas?: number;
}

/** The result for one item, in the order of the items. */
export interface ImportResult {
  readonly path: SecretPath;
  /** The version that is made, if nothing prevents it. */
  readonly version?: number;
  readonly error?: KeyringError;
}

/** The result of an import. */
export interface ImportReport {
  readonly items: readonly ImportResult[];
  /** Whether all items were written; if not, none was. */
  readonly applied: boolean;
  /** 32 hexadecimal digits. */
  readonly importId?: string;
}

/** How an import runs. */
export interface ImportCall {
  /** Whether to check everything and write nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Further writes in the transaction that makes all items exist. */
  readonly alongside?: (tx: RecordTransaction) => Promise<void> | void;
  /** Called with the number of items that are staged so far. */
  readonly onProgress?: (staged: number) => void;
}

/** Parts of an {@linkcode Importer}. */
export interface ImporterParts {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly tree: SecretTree;
  readonly claims: Claims;
}

/** Limits of an import. */
export const importLimits = { items: 10_000, leaseMs: 60 * 60 * 1_000 } as const;

/** Number of items that are checked at the same time. */
const checked = 64;

/** Bytes and operations that one item needs in a transaction beside its fields and path. */
const itemCost = { bytes: 2_048, operations: 6 } as const;

/** See the module. */
export class Importer {
  readonly #parts: ImporterParts;

  constructor(parts: ImporterParts) {
    this.#parts = parts;
  }

  /**
   * Imports up to 10,000 items. An item that cannot be written is no failure of the call: it is in the report, and nothing
   * is written.
   *
   * @throws {KeyringError} `request_invalid` for more items; `store_unavailable`, `kms_unavailable`, `integrity`.
   */
  async run(items: readonly ImportItem[], call: ImportCall): Promise<ImportReport> {
    if (items.length > importLimits.items) {
      const message = `Cannot import ${items.length} secrets: at most ${importLimits.items} at once.`;
      throw new KeyringError("request_invalid", message);
    }
    await this.#parts.claims.settleAll(call.signal);
    const results = await this.#check(items, call.signal);
    if (call.dryRun || items.length === 0 || results.some(({ error }) => error)) {
      return { items: results, applied: false };
    }
    return await this.#write(items, results, call);
  }

  async #check(items: readonly ImportItem[], signal: AbortSignal): Promise<readonly ImportResult[]> {
    const seen = new Set<SecretPath>();
    const twice = new Set(items.filter(({ path }) => seen.size === seen.add(path).size));
    const results: ImportResult[] = [];
    for (let at = 0; at < items.length; at += checked) {
      const reader = this.#parts.store.reader(signal);
      const list = await reader.get(importListCodec, importListName.key);
      results.push(
        ...await Promise.all(
          items.slice(at, at + checked).map((item) =>
            resultOf(item.path, async () => {
              if (twice.has(item)) throw new KeyringError("request_invalid", `"${item.path}" is in the import twice.`);
              const found = await this.#parts.tree.find(reader, item.path);
              if (list) await refuseClaimed(reader, item.path);
              return this.#next(item, found).secret.currentVersion;
            })
          ),
        ),
      );
    }
    return results;
  }

  async #write(
    items: readonly ImportItem[],
    results: readonly ImportResult[],
    { signal, alongside, onProgress }: ImportCall,
  ): Promise<ImportReport> {
    const importId = newTreeId();
    const { claims } = this.#parts;
    await this.#begin(importId, signal);
    try {
      const failed = await this.#stageAll(items, importId, signal, onProgress);
      if (failed) {
        await claims.abort(importId, signal);
        return { items: results.map((one) => one.path === failed.path ? failed : one), applied: false };
      }
      await this.#commit(importId, signal, alongside);
    } catch (thrown) {
      // A commit whose answer was lost may have been made.
      if (await claims.abort(importId, signal).catch(() => true)) throw thrown;
    }
    // From here on all items exist: a failure only leaves work that the next reader does.
    await claims.fold(importId, signal).catch(() => {});
    return { items: results, applied: true, importId: hex(importId) };
  }

  async #begin(importId: Uint8Array, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts;
    await store.transaction(async (tx) => {
      const list = await tx.get(importListCodec, importListName.key);
      tx.put(importListCodec, importListName.key, [...list?.value ?? [], hex(importId)]);
      tx.put(importCodec, importId, { state: "staging", leaseUntil: Math.floor(clock.wall()) + importLimits.leaseMs });
    }, signal);
  }

  /** @returns the item that cannot be written any more, if there is one. */
  async #stageAll(
    items: readonly ImportItem[],
    importId: Uint8Array,
    signal: AbortSignal,
    onProgress: (staged: number) => void = () => {},
  ): Promise<ImportResult | undefined> {
    let staged = 0;
    for (const batch of stagingBatches(items)) {
      const failures: ImportResult[] = [];
      try {
        await this.#parts.store.transaction(async (tx) => {
          failures.length = 0;
          const found = await tx.get(importCodec, importId);
          if (found?.value.state !== "staging") throw abandonedImport();
          await Promise.all(batch.map(async (item) => {
            const result = await resultOf(item.path, () => this.#stage(tx, item, importId));
            if (!result.error) return;
            failures.push(result);
            throw result.error;
          }));
        }, signal);
      } catch (thrown) {
        const [failure] = failures;
        if (failure?.error !== thrown) throw thrown;
        return failure;
      }
      onProgress(staged += batch.length);
    }
    return undefined;
  }

  /** @returns the version. */
  async #stage(tx: RecordTransaction, item: ImportItem, importId: Uint8Array): Promise<number> {
    const found = await this.#parts.tree.find(tx, item.path);
    await refuseClaimed(tx, item.path);
    const { secret, value } = this.#next(item, found);
    const [id, base] = [found?.id ?? newTreeId(), secret.currentVersion - 1];
    const staged = { ...secret, versions: secret.versions.slice(-1) };
    tx.put(valueCodec(item.fields.map(({ name }) => name)), valueKey(id, secret.currentVersion), value);
    tx.put(claimCodec, await claimKey(tx, item.path), { importId, id, base, secret: staged });
    return secret.currentVersion;
  }

  async #commit(importId: Uint8Array, signal: AbortSignal, alongside: ImportCall["alongside"]): Promise<void> {
    const { store, clock } = this.#parts;
    await store.transaction(async (tx) => {
      const found = await tx.get(importCodec, importId);
      if (found?.value.state !== "staging" || found.value.leaseUntil <= clock.wall()) throw abandonedImport();
      tx.put(importCodec, importId, { ...found.value, state: "committed" });
      await alongside?.(tx);
    }, signal);
  }

  /** The secret with the item's version. */
  #next(item: ImportItem, found: FoundSecret | undefined) {
    const { path, cas, fields } = item;
    const before = found?.metadata.value;
    checkVersion(path, before, cas);
    if (before?.currentVersion === 0) {
      throw new KeyringError("exists", `"${path}" has labels and no version yet; write it by itself.`, { version: 0 });
    }
    if (before && cas === undefined) {
      const { version } = askedVersion(before);
      throw new KeyringError("exists", `"${path}" exists already, with version ${version}.`, { version });
    }
    const now = Math.max(0, Math.floor(this.#parts.clock.wall()));
    const value = newValue(fields);
    const content = withContent(before ?? emptySecret(path, now), item);
    const secret = withVersion(content, { value, generated: false, now });
    // Checks the size of the history. What it removes is removed by a later write.
    finished(secret, "update", now);
    return { secret: { ...secret, updatedAt: now, lastAction: before ? "update" as const : "create" as const }, value };
  }
}

async function resultOf(path: SecretPath, check: () => Promise<number>): Promise<ImportResult> {
  try {
    return { path, version: await check() };
  } catch (thrown) {
    if (
      !(thrown instanceof KeyringError) || ["integrity", "kms_unavailable", "store_unavailable"].includes(thrown.code)
    ) {
      throw thrown;
    }
    return { path, error: thrown };
  }
}

async function refuseClaimed(reader: RecordReader, path: SecretPath): Promise<void> {
  const claim = await reader.get(claimCodec, await claimKey(reader, path));
  if (claim) throw claimed(path, claim.value.importId);
}

/** Parts of the items whose rows fit into one transaction. */
function stagingBatches(items: readonly ImportItem[]): readonly ImportItem[][] {
  const batches: ImportItem[][] = [];
  let left = { bytes: 0, operations: 0 };
  for (const item of items) {
    const [bytes, operations] = [bytesOf(item), itemCost.operations + 2 * segmentsOf(item.path).length];
    if (bytes > left.bytes || operations > left.operations || batches.length === 0) {
      batches.push([]);
      left = { bytes: engineLimits.transactionBytes - 16_384, operations: recordOperations - 4 };
    }
    batches.at(-1)?.push(item);
    left = { bytes: left.bytes - bytes, operations: left.operations - operations };
  }
  return batches;
}

/** The bytes that an item's rows have at most; names and labels are written as JSON, too. */
function bytesOf({ path, fields, labels = {} }: ImportItem): number {
  const texts = [path, ...Object.entries(labels).flat(), ...fields.map(({ name }) => `${name}     `)];
  const shown = texts.reduce((sum, text) => sum + utf8(JSON.stringify(text)).length, 0);
  return fields.reduce((sum, { value }) => sum + value.length + 8, itemCost.bytes + shown);
}

function abandonedImport(): KeyringError {
  return new KeyringError("conflict", "The import was given up: it took longer than its lease of one hour.");
}
