/**
 * Claims of imports, as reads and writes of secrets meet them: a claimed path is refused to writers; a secret of a
 * committed import is put in its place by whoever needs it first.
 *
 * @module
 */
import { hex, utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { type SecretPath, segmentsOf } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import {
  type FetchedRecord,
  type OpenedRecord,
  recordOperations,
  type RecordReader,
  type RecordStore,
  type RecordTransaction,
} from "../records/records.ts";
import {
  type Claim,
  claimCodec,
  importCodec,
  importIdOf,
  importListCodec,
  importListName,
  isClaimOf,
  type StoredImport,
} from "./import_records.ts";
import { metadataCodec, type StoredSecret } from "./metadata_record.ts";
import type { MadeFolders, SecretTree } from "./tree.ts";
import { valueKey } from "./value_record.ts";

/** Parts of {@linkcode Claims}. */
export interface ClaimsParts {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly tree: SecretTree;
}

/** Number of claims that one scan reads. */
const scanClaims = 500;

/** Number of operations that a claim needs in a transaction, beside two for each segment of its path. */
const foldOperations = 7;

/** See the module. */
export class Claims {
  readonly #parts: ClaimsParts;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /**
   * Refuses a path that an import has claimed; a transaction that was not refused fails if the path is claimed meanwhile.
   *
   * @throws {KeyringError} `claimed`.
   */
  async refuse(tx: RecordTransaction, path: SecretPath): Promise<void> {
    if (!await tx.get(importListCodec, importListName.key)) return;
    const claim = await tx.get(claimCodec, await claimKey(tx, path));
    if (claim) throw claimed(path, claim.value.importId);
  }

  /** Runs a write, and once more if the claim that it met was of an import that is committed or abandoned. */
  async unlessClaimed<Result>(signal: AbortSignal, write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } catch (thrown) {
      const id = thrown instanceof KeyringError ? thrown.details.importId : undefined;
      if (id === undefined || !await this.#settleImport(importIdOf(id), signal)) throw thrown;
      return await write();
    }
  }

  /**
   * Puts the secret of a committed import in its place.
   *
   * @param list the row of the unfinished imports, if it was fetched already.
   * @returns whether the path may have changed.
   */
  async settle(reader: RecordReader, path: SecretPath, signal: AbortSignal, list?: FetchedRecord): Promise<boolean> {
    const [fetched = list] = list ? [] : await reader.fetch([importListName]);
    if (!fetched?.row) return false;
    const claim = await reader.get(claimCodec, await claimKey(reader, path));
    const found = claim && await reader.get(importCodec, claim.value.importId);
    if (!claim || found?.value.state !== "committed") return false;
    await this.#fold([claim], claim.value.importId, signal);
    return true;
  }

  /** Finishes every import that is committed, aborted or past its lease. */
  async settleAll(signal: AbortSignal): Promise<void> {
    const list = await this.#parts.store.reader(signal).get(importListCodec, importListName.key);
    for (const id of list?.value ?? []) await this.#settleImport(importIdOf(id), signal);
  }

  /** Gives an import up, and deletes its rows. @returns whether it was given up: not if it is committed. */
  async abort(importId: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const isAborted = await this.#parts.store.transaction(async (tx) => {
      const found = await tx.get(importCodec, importId);
      if (found?.value.state === "staging") tx.put(importCodec, importId, { ...found.value, state: "aborted" });
      return found?.value.state !== "committed";
    }, signal);
    if (isAborted) await this.#release(importId, signal);
    return isAborted;
  }

  /** Puts the secrets of a committed import in their places, and forgets the import. */
  async fold(importId: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#eachBatch(importId, signal, (claims) => this.#fold(claims, importId, signal));
    await this.#forget(importId, signal);
  }

  /** @returns whether the import is finished. */
  async #settleImport(importId: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const found = await this.#parts.store.reader(signal).get(importCodec, importId);
    if (found?.value.state === "committed") await this.fold(importId, signal);
    else if (found && this.#isOver(found.value)) await this.abort(importId, signal);
    else if (found) return false;
    else await this.#forget(importId, signal);
    return true;
  }

  #isOver({ state, leaseUntil }: StoredImport): boolean {
    return state === "aborted" || leaseUntil <= this.#parts.clock.wall();
  }

  async #fold(claims: readonly OpenedRecord<Claim>[], importId: Uint8Array, signal: AbortSignal): Promise<void> {
    const { store, tree } = this.#parts;
    await store.transaction(async (tx) => {
      const made: MadeFolders = new Map();
      if ((await tx.get(importCodec, importId))?.value.state !== "committed") return;
      for (const claim of await tx.getMany(claimCodec, claims.map(({ key }) => key))) {
        // Another server may have been faster.
        if (!claim || !isClaimOf(claim.value, importId)) continue;
        const { id, base, secret } = claim.value;
        tx.put(metadataCodec, id, await this.#folded(tx, claim.value));
        if (base === 0) await tree.add(tx, secret.path, id, made);
        tx.delete(claimCodec, claim.key);
      }
    }, signal);
  }

  async #folded(tx: RecordTransaction, { id, base, secret }: Claim): Promise<StoredSecret> {
    if (base === 0) return secret;
    const before = await tx.get(metadataCodec, id);
    if (!before) throw new KeyringError("integrity", `The secret "${secret.path}" is gone while an import claims it.`);
    // The next write removes the versions beyond the number that the secret keeps.
    const versions = [...before.value.versions, ...secret.versions];
    return { ...secret, createdAt: before.value.createdAt, versions };
  }

  async #release(importId: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#eachBatch(importId, signal, async (claims) => {
      await this.#parts.store.transaction(async (tx) => {
        for (const claim of await tx.getMany(claimCodec, claims.map(({ key }) => key))) {
          if (!claim || !isClaimOf(claim.value, importId)) continue;
          tx.delete({ table: "value" }, valueKey(claim.value.id, claim.value.base + 1));
          tx.delete(claimCodec, claim.key);
        }
      }, signal);
    });
    await this.#forget(importId, signal);
  }

  async #forget(importId: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#parts.store.transaction(async (tx) => {
      const list = await tx.get(importListCodec, importListName.key);
      const left = list?.value.filter((id) => id !== hex(importId)) ?? [];
      if (left.length > 0) tx.put(importListCodec, importListName.key, left);
      else if (list) tx.delete(importListCodec, importListName.key);
      if (await tx.get(importCodec, importId)) tx.delete(importCodec, importId);
    }, signal);
  }

  /** The claims of an import, as many at once as fit into a transaction. */
  async #eachBatch(
    importId: Uint8Array,
    signal: AbortSignal,
    work: (claims: readonly OpenedRecord<Claim>[]) => Promise<void>,
  ): Promise<void> {
    let after: Uint8Array | undefined;
    for (;;) {
      const reader = this.#parts.store.reader(signal);
      const claims = await reader.scan(claimCodec, { limit: scanClaims, ...(after && { after }) });
      const own = claims.filter(({ value }) => isClaimOf(value, importId));
      for (const batch of batchesOf(own, (claim) => foldOperations + 2 * segmentsOf(claim.value.secret.path).length)) {
        await work(batch);
      }
      if (claims.length < scanClaims) return;
      after = claims.at(-1)?.key;
    }
  }
}

/** The key of the claim of a path. */
export async function claimKey(reader: RecordReader, path: SecretPath): Promise<Uint8Array> {
  return await reader.lookupKey("claim", utf8(path));
}

/** Splits a list, so that the operations of each part fit into a transaction. */
export function batchesOf<Item>(items: readonly Item[], operationsOf: (item: Item) => number): readonly Item[][] {
  const batches: Item[][] = [];
  let left = 0;
  for (const item of items) {
    const operations = operationsOf(item);
    if (left < operations || batches.length === 0) {
      batches.push([]);
      left = recordOperations - 8;
    }
    batches.at(-1)?.push(item);
    left -= operations;
  }
  return batches;
}

/** The failure for a path that an import has claimed. */
export function claimed(path: SecretPath, importId: Uint8Array): KeyringError {
  const id = hex(importId);
  const message = `"${path}" is claimed by the import ${id}; try again when that is finished.`;
  return new KeyringError("claimed", message, { importId: id });
}
