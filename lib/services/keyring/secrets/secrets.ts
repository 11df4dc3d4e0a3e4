/**
 * The secrets of a store: all operations on them.
 *
 * @module
 */
import { concat, hex, utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import type { SecretField } from "../../../api/keyring/fields.ts";
import { type FolderPath, parentOf, type SecretPath } from "../../../api/keyring/paths.ts";
import type { RecordReader, RecordStore, RecordTransaction } from "../records/records.ts";
import { Claims } from "./claims.ts";
import { watchSecrets } from "./changes.ts";
import { Destroyer, withoutValue } from "./destroy.ts";
import { type ImportCall, Importer, type ImportItem, type ImportReport } from "./import.ts";
import { FolderLists } from "./folder_lists.ts";
import { listFolder } from "./listing.ts";
import { infoOf, metadataCodec, shownVersion, type StoredSecret } from "./metadata_record.ts";
import type {
  ChangeAction,
  ListedPath,
  MetadataChange,
  NewSecret,
  NewVersion,
  PutSecret,
  ReadSecret,
  SecretChange,
  SecretDiff,
  SecretInfo,
  SecretPatch,
  VersionChoice,
  WriteCall,
  WrittenSecret,
} from "./model.ts";
import {
  actionAt,
  type ChangedSecret,
  emptySecret,
  finished,
  mergedFields,
  patchedFields,
  type SecretWrite,
  unlessKeyringError,
  withContent,
  withPatch,
  withVersion,
} from "./secret_changes.ts";
import { type FoundSecret, newTreeId, SecretTree } from "./tree.ts";
import { newValue, type StoredValue, valueCodec, valueKey } from "./value_record.ts";
import { fieldDifferences, liveFields, readFields, wrongValue } from "./values.ts";
import {
  askedVersion,
  changedVersions,
  checkVersion,
  liveVersion,
  pathAbsent,
  pathTaken,
  refuseDestroyed,
  refuseExpired,
} from "./versions.ts";

/** Parts of {@linkcode Secrets}. */
export interface SecretsParts {
  readonly store: RecordStore;
  readonly clock: Clock;
}

/** Reads that meet a deletion between metadata and value. */
const readTries = 3;

/** See the module. Every failure is a {@linkcode KeyringError}. */
export class Secrets {
  readonly #store: RecordStore;
  readonly #clock: Clock;
  readonly #tree: SecretTree;
  readonly #lists: FolderLists;
  readonly #claims: Claims;
  readonly #destroyer: Destroyer;
  readonly #importer: Importer;

  constructor({ store, clock }: SecretsParts) {
    this.#store = store;
    this.#clock = clock;
    this.#tree = new SecretTree(store);
    this.#lists = new FolderLists(store);
    this.#claims = new Claims({ store, clock, tree: this.#tree });
    this.#destroyer = new Destroyer(store, clock);
    this.#importer = new Importer({ store, clock, tree: this.#tree, claims: this.#claims });
  }

  /**
   * A version with its value, the newest if none is named.
   *
   * @throws {KeyringError} `not_found`, `version_mismatch`, `deleted`, `destroyed`, `expired`, `integrity`.
   */
  async read(
    path: SecretPath,
    { version: asked, signal }: { readonly version?: number; readonly signal: AbortSignal },
  ): Promise<ReadSecret> {
    for (let count = 1;; count++) {
      const reader = this.#store.reader(signal);
      const found = await this.#found(reader, path, signal, asked === undefined);
      const { value } = found.metadata;
      const version = liveVersion(value, asked);
      refuseExpired(value, this.#now());
      const fields = await readFields(reader, found, version);
      if (fields) return { info: infoOf(found.id, value), version: shownVersion(version), fields };
      if (count === readTries) throw wrongValue(path, version.version);
    }
  }

  /** All about a secret but its values, also of one that is deleted or has expired. @throws {KeyringError} `not_found`. */
  async info(path: SecretPath, signal: AbortSignal): Promise<SecretInfo> {
    const { id, metadata } = await this.#found(this.#store.reader(signal), path, signal);
    return infoOf(id, metadata.value);
  }

  /**
   * One level of the tree, in the order of the paths' code units. The root always exists.
   *
   * @param page `after`: the path of the last entry of the page before; `withInfo`: whether secrets come with their info.
   * @throws {KeyringError} `not_found`.
   */
  async list(
    folder: FolderPath,
    page: {
      readonly after?: string;
      readonly limit: number;
      readonly withInfo?: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly entries: readonly ListedPath[]; readonly more: boolean }> {
    await this.#claims.settleAll(page.signal);
    const parts = { reader: this.#store.reader(page.signal), tree: this.#tree, lists: this.#lists };
    return await listFolder(parts, folder, page);
  }

  /**
   * Makes a secret, or with `cas` a new version of one, also of a deleted one.
   *
   * @throws {KeyringError} `exists`, `version_mismatch`, `request_invalid`, `too_large`, `claimed`, `conflict`.
   */
  async create(path: SecretPath, content: NewSecret, call: WriteCall): Promise<WrittenSecret> {
    return await this.#write(path, call, async (write) => {
      const before = write.found?.metadata.value;
      const hasVersions = before !== undefined && before.currentVersion > 0;
      if (hasVersions && call.cas === undefined) throw pathTaken(path, before);
      return await this.#added(path, write, content, hasVersions ? "update" : "create");
    });
  }

  /**
   * Makes the secret, or a new version of it whatever its state. Errors as for {@linkcode Secrets.create}, without `exists`.
   */
  async put(path: SecretPath, content: NewSecret, call: WriteCall): Promise<PutSecret> {
    let info: SecretInfo | undefined;
    const note = (id: Uint8Array, secret: StoredSecret) => void (info = infoOf(id, secret));
    const add = (write: SecretWrite) => this.#added(path, write, content, actionAt(write));
    const written = await this.#write(path, call, add, note);
    return { ...written, info: info ?? await this.info(path, call.signal) };
  }

  /**
   * Makes a secret of generated fields, or with `cas` a new version in which the other fields of the newest one stay.
   * Fields of a deleted version do not come back. Errors as for `create`.
   */
  async generate(path: SecretPath, content: NewSecret, call: WriteCall): Promise<WrittenSecret> {
    return await this.#write(path, call, async (write) => {
      const hasVersions = write.found !== undefined && write.found.metadata.value.currentVersion > 0;
      if (hasVersions && call.cas === undefined) throw pathTaken(path, write.found.metadata.value);
      const kept = write.found && hasVersions ? await liveFields(write.tx, write.found) : [];
      const generated = { ...content, generated: true };
      return await this.#added(path, write, generated, hasVersions ? "update" : "create", kept);
    });
  }

  /**
   * Adds a version that replaces all fields.
   *
   * @throws {KeyringError} `not_found`, `version_mismatch`, `deleted`, `destroyed` and those of {@linkcode Secrets.create}.
   */
  async update(path: SecretPath, content: NewVersion, call: WriteCall): Promise<WrittenSecret> {
    return await this.#writeExisting(path, call, async (write, found) => {
      liveVersion(found.metadata.value);
      return await this.#added(path, write, content, "update");
    });
  }

  /** Changes some fields, in a new version, and labels, expiry and number of kept versions. Errors as for `update`. */
  async patch(path: SecretPath, patch: SecretPatch, call: WriteCall): Promise<WrittenSecret> {
    return await this.#writeExisting(path, call, async (write, found) => {
      const version = liveVersion(found.metadata.value);
      const secret = withPatch(found.metadata.value, patch);
      if (!patch.fields || Object.keys(patch.fields).length === 0) return { id: found.id, secret, action: "patch" };
      const fields = await readFields(write.tx, found, version);
      if (!fields) throw wrongValue(path, version.version);
      const patched = { ...write, found: { ...found, metadata: { ...found.metadata, value: secret } } };
      return await this.#added(path, patched, { fields: patchedFields(fields, patch.fields) }, "patch");
    });
  }

  /**
   * Changes labels and number of kept versions, whatever the state of the versions.
   *
   * @throws {KeyringError} `not_found`, `request_invalid`, `too_large`, `claimed`, `conflict`.
   */
  async setMetadata(path: SecretPath, change: MetadataChange, call: WriteCall): Promise<WrittenSecret> {
    const { labels = {}, replaceLabels = false, keptVersions, create = false } = change;
    return await this.#write(path, call, ({ found, now }) => {
      if (!found && !create) throw pathAbsent(path);
      const before = found?.metadata.value ?? emptySecret(path, now);
      const patch = { labels, ...(keptVersions !== undefined && { keptVersions }) };
      const secret = withPatch(replaceLabels ? { ...before, labels: {} } : before, patch);
      return { id: found?.id ?? newTreeId(), secret, action: found ? "patch" : "create" };
    });
  }

  /**
   * Moves a secret with its ID and history.
   *
   * @param call `cas` is compared with the newest version at `from`.
   * @throws {KeyringError} `not_found`, `exists` at the other end, `version_mismatch`, `claimed`, `conflict`.
   */
  async move(from: SecretPath, to: SecretPath, call: WriteCall): Promise<WrittenSecret> {
    const written = await this.#writeExisting(from, call, async ({ tx }, found) => {
      if (from === to) throw pathTaken(to, found.metadata.value);
      const there = await this.#tree.find(tx, to);
      if (there) throw pathTaken(to, there.metadata.value);
      await this.#claims.refuse(tx, to);
      tx.delete({ table: "index" }, found.indexKey);
      await this.#tree.add(tx, to, found.id);
      return { id: found.id, secret: { ...found.metadata.value, path: to, movedFrom: from }, action: "move" };
    });
    this.#tree.forget(from);
    // The secret is moved: an empty folder that stays is no failure of that.
    await this.#tree.prune(parentOf(from), call.signal).catch(unlessKeyringError);
    return written;
  }

  /**
   * Deletes versions, the newest if none is named; they can be undeleted.
   *
   * @throws {KeyringError} `not_found`, `version_mismatch`, `destroyed`; `deleted` if the newest is deleted already.
   */
  async delete(path: SecretPath, { versions }: VersionChoice, call: WriteCall): Promise<WrittenSecret> {
    return await this.#writeExisting(path, call, ({ now }, { id, metadata: { value } }) => {
      if (!versions) liveVersion(value);
      const changed = changedVersions(value, versions ?? [value.currentVersion], (version) => {
        refuseDestroyed(value, version);
        return version.state === "live" ? { ...version, state: "deleted", deletedAt: now } : version;
      });
      return { id, secret: { ...value, versions: changed }, action: "delete" };
    });
  }

  /** Makes deleted versions live again, the newest if none is named. Errors as for `delete`, without `deleted`. */
  async undelete(path: SecretPath, { versions }: VersionChoice, call: WriteCall): Promise<WrittenSecret> {
    return await this.#writeExisting(path, call, (_, { id, metadata: { value } }) => {
      const changed = changedVersions(value, versions ?? [value.currentVersion], (version) => {
        refuseDestroyed(value, version);
        const { deletedAt: _at, ...rest } = version;
        return { ...rest, state: "live" };
      });
      return { id, secret: { ...value, versions: changed }, action: "undelete" };
    });
  }

  /**
   * Destroys the values of versions. They are `destroying` until the engine has no copy left in its files; if that
   * takes longer than the call, {@linkcode Secrets.resume} finishes it.
   *
   * @throws {KeyringError} `not_found`, `version_mismatch`, `conflict`.
   */
  async destroy(path: SecretPath, { versions }: Required<VersionChoice>, call: WriteCall): Promise<WrittenSecret> {
    let due: Uint8Array | undefined;
    const written = await this.#writeExisting(path, call, ({ tx, now }, { id, metadata: { value } }) => {
      const chosen = versions.map((version) => askedVersion(value, version).version);
      for (const version of chosen) tx.delete({ table: "value" }, valueKey(id, version));
      due = this.#destroyer.schedule(tx, { id, versions: chosen }, now);
      return { id, secret: { ...value, versions: changedVersions(value, chosen, withoutValue) }, action: "destroy" };
    });
    if (due) await this.#destroyer.finishSoon([due], call.signal);
    return written;
  }

  /** The names of the fields that differ between two versions. Errors as for `read`. */
  async diff(path: SecretPath, from: number, to: number, signal: AbortSignal): Promise<SecretDiff> {
    const before = await this.read(path, { version: from, signal });
    return fieldDifferences(before.fields, (await this.read(path, { version: to, signal })).fields);
  }

  /**
   * Changes from now on, or since a revision; it goes on after a gap of the engine's watch, and ends with the signal.
   *
   * @param since the greatest revision that was seen.
   */
  changes(signal: AbortSignal, since?: number): AsyncIterable<SecretChange> {
    return watchSecrets({ store: this.#store, clock: this.#clock, signal, ...(since !== undefined && { since }) });
  }

  /** Imports many secrets, all or none; see {@linkcode Importer.run}. */
  async import(items: readonly ImportItem[], call: ImportCall): Promise<ImportReport> {
    return await this.#importer.run(items, call);
  }

  /** Finishes what a stop interrupted: destroyed versions, and imports that were committed or abandoned. */
  async resume(signal: AbortSignal): Promise<void> {
    await this.#destroyer.finishAll(signal);
    await this.#claims.settleAll(signal);
  }

  async #found(reader: RecordReader, path: SecretPath, signal: AbortSignal, withValue = false): Promise<FoundSecret> {
    const found = await this.#tree.findSurely(reader, path, withValue);
    const isSettled = !await this.#claims.settle(reader, path, signal, found?.imports);
    const settled = isSettled ? found : await this.#tree.findSurely(reader, path);
    if (settled) return settled;
    throw pathAbsent(path);
  }

  async #write(
    path: SecretPath,
    call: WriteCall,
    change: (write: SecretWrite) => Promise<ChangedSecret> | ChangedSecret,
    note?: (id: Uint8Array, secret: StoredSecret) => void,
  ): Promise<WrittenSecret> {
    const { signal } = call;
    return await this.#claims.unlessClaimed(signal, () =>
      this.#store.transaction(async (tx) => {
        await this.#claims.refuse(tx, path);
        const [found, now] = [await this.#tree.find(tx, path), this.#now()];
        checkVersion(path, found?.metadata.value, call.cas);
        const changed = await change({ tx, found, now });
        if (found && changed.secret.keptVersions < found.metadata.value.keptVersions) call.onFewerVersions?.();
        return await this.#put(tx, changed, found === undefined, now, call, note);
      }, signal));
  }

  async #writeExisting(
    path: SecretPath,
    call: WriteCall,
    change: (write: SecretWrite, found: FoundSecret) => Promise<ChangedSecret> | ChangedSecret,
  ): Promise<WrittenSecret> {
    // A path that does not exist is `not_found` here, whatever version the caller expects.
    const { cas, ...rest } = call;
    return await this.#write(path, rest, async (write) => {
      const found = write.found ?? await this.#tree.findSurely(write.tx, path);
      if (!found) throw pathAbsent(path);
      checkVersion(path, found.metadata.value, cas);
      return await change({ ...write, found }, found);
    });
  }

  /** The secret with one more version. @param kept fields that stay where the content has none of their name. */
  async #added(
    path: SecretPath,
    { found, now }: SecretWrite,
    content: NewSecret | NewVersion,
    action: ChangeAction,
    kept: readonly SecretField[] = [],
  ): Promise<ChangedSecret> {
    const id = found?.id ?? newTreeId();
    const fields = kept.length === 0 ? content.fields : mergedFields(kept, content.fields);
    const before = withContent(found?.metadata.value ?? emptySecret(path, now), { ...content, fields });
    const value = newValue(fields);
    const generated = content.generated ?? false;
    const made = kept.length === 0 ? value : newValue(content.fields);
    const fingerprint = generated ? await this.#fingerprint(id, before.currentVersion + 1, made) : undefined;
    const shown = fingerprint !== undefined && { fingerprint };
    return { id, secret: withVersion(before, { value, generated, now, ...shown }), action, value, ...shown };
  }

  async #fingerprint(id: Uint8Array, version: number, { fields }: StoredValue): Promise<string> {
    const values = fields.flatMap(({ name, value }) => [utf8(name), value]);
    return hex(await this.#store.fingerprint(concat(valueKey(id, version)), ...values));
  }

  async #put(
    tx: RecordTransaction,
    { id, secret: changed, action, value, fingerprint }: ChangedSecret,
    isNew: boolean,
    now: number,
    { alongside }: WriteCall,
    note?: (id: Uint8Array, secret: StoredSecret) => void,
  ): Promise<WrittenSecret> {
    const { secret, pruned } = finished(changed, action, now);
    note?.(id, secret);
    const { path, currentVersion: version } = secret;
    if (isNew) await this.#tree.add(tx, path, id);
    tx[isNew ? "insert" : "put"](metadataCodec, id, secret);
    if (value) tx.insert(valueCodec(value.fields.map(({ name }) => name)), valueKey(id, version), value);
    for (const one of pruned) tx.delete({ table: "value" }, valueKey(id, one.version));
    const written = { path, version, ...(fingerprint !== undefined && { fingerprint }) };
    await alongside?.(tx, written);
    return written;
  }

  #now(): number {
    return Math.max(0, Math.floor(this.#clock.wall()));
  }
}
