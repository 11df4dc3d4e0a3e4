/**
 * A transaction on records: reads that are compared at the commit, and writes that are sealed for it.
 *
 * @module
 */
import type { RowCondition, RowName, RowWrite } from "../engine/engine.ts";
import { nameText } from "../engine/limits.ts";
import type { FetchedRecord, RecordCodec, RecordReader, RecordTransaction } from "./records.ts";
import { RecordSession, type RecordSessionParts } from "./record_session.ts";
import { sealRecord } from "./seal.ts";

/** Parts of a {@linkcode OpenTransaction}. */
export interface OpenTransactionParts extends Omit<RecordSessionParts, "onFetched"> {
  /** The revision of a write: greater than that of the row before; for a deletion greater than all others so far. */
  readonly nextRevision: (previous: number | "deleted" | undefined) => number;
  /** Whether an earlier try of the same work was not committed. */
  readonly isRepeated: boolean;
}

/** A write that waits for the commit; a deletion without the rest. */
interface PendingWrite {
  readonly name: RowName;
  readonly put?: {
    readonly encoded: Uint8Array;
    readonly context: Uint8Array;
    /** Whether it is taken for granted that there is no such row; the commit compares it. */
    readonly isNew: boolean;
    /** The revision of the row that is replaced. It is opened: a damaged row is never written over. */
    readonly replaces: (fetched: FetchedRecord) => Promise<number | undefined>;
  };
}

/** A transaction that is not committed yet. */
export class OpenTransaction implements RecordTransaction {
  readonly get: RecordReader["get"];
  readonly getMany: RecordReader["getMany"];
  readonly scan: RecordReader["scan"];
  readonly fetch: RecordReader["fetch"];
  readonly open: RecordReader["open"];
  readonly lookupKey: RecordReader["lookupKey"];
  readonly lookupKeys: RecordReader["lookupKeys"];
  readonly requireKeys: RecordReader["requireKeys"];
  readonly keysChanged: RecordReader["keysChanged"];
  readonly #parts: OpenTransactionParts;
  readonly #fetched = new Map<string, FetchedRecord>();
  readonly #writes = new Map<string, PendingWrite>();
  #hasChanged = false;

  constructor(parts: OpenTransactionParts) {
    this.#parts = parts;
    const onFetched = (fetched: FetchedRecord) => this.#note(fetched);
    const session = new RecordSession({ ...parts, onFetched });
    this.get = session.get.bind(session);
    this.getMany = session.getMany.bind(session);
    this.scan = session.scan.bind(session);
    this.fetch = session.fetch.bind(session);
    this.open = session.open.bind(session);
    this.lookupKey = session.lookupKey.bind(session);
    this.lookupKeys = session.lookupKeys.bind(session);
    this.requireKeys = session.requireKeys.bind(session);
    this.keysChanged = session.keysChanged.bind(session);
  }

  put<Value>(codec: RecordCodec<Value>, key: Uint8Array, value: Value): void {
    this.#set(codec, key, value, false);
  }

  insert<Value>(codec: RecordCodec<Value>, key: Uint8Array, value: Value): void {
    this.#set(codec, key, value, !this.#parts.isRepeated);
  }

  delete({ table }: Pick<RecordCodec<never>, "table">, key: Uint8Array): void {
    const name = { table, key };
    this.#writes.set(nameText(name), { name });
  }

  /** @returns whether it was committed; `true` if there is nothing to write. */
  async commit(): Promise<boolean> {
    if (this.#writes.size === 0) return true;
    const { engine, signal } = this.#parts;
    const writes = await this.#sealed([...this.#writes.values()]);
    if (this.#hasChanged) return false;
    const reads = [...this.#fetched.values()].map(conditionOf);
    const absent = [...this.#writes.values()].filter((write) => this.#isUnread(write))
      .map(({ name }) => ({ ...name, version: "absent" } as const));
    return await engine.commit([...this.#parts.keys.conditions(), ...reads, ...absent], writes, signal);
  }

  #set<Value>(codec: RecordCodec<Value>, key: Uint8Array, value: Value, isNew: boolean): void {
    const name = { table: codec.table, key };
    const context = codec.context?.(key) ?? new Uint8Array(0);
    const replaces = async (fetched: FetchedRecord) => (await this.open(codec, fetched))?.revision;
    this.#writes.set(nameText(name), { name, put: { encoded: codec.encode(value), context, isNew, replaces } });
  }

  #isUnread({ name, put }: PendingWrite): boolean {
    return put?.isNew === true && !this.#fetched.has(nameText(name));
  }

  async #sealed(pending: readonly PendingWrite[]): Promise<readonly RowWrite[]> {
    const { engine: { storeId }, keys, nextRevision } = this.#parts;
    const unknown = pending.filter((write) => {
      return write.put && !this.#fetched.has(nameText(write.name)) && !this.#isUnread(write);
    });
    await this.fetch(unknown.map(({ name }) => name));
    const writes: RowWrite[] = [];
    for (const { name, put } of pending) {
      const fetched = this.#fetched.get(nameText(name));
      const revision = nextRevision(put ? fetched && await put.replaces(fetched) : "deleted");
      const binding = put && { storeId, ...name, context: put.context };
      const bytes = binding && sealRecord(put.encoded, await keys.current("record"), binding, revision);
      writes.push({ ...name, bytes });
    }
    return writes;
  }

  #note(fetched: FetchedRecord): void {
    const name = nameText(fetched.name);
    const before = this.#fetched.get(name);
    this.#fetched.set(name, fetched);
    // The work may rely on either version: it runs again.
    if (before && before.row?.version !== fetched.row?.version) this.#hasChanged = true;
  }
}

function conditionOf({ name, row }: FetchedRecord): RowCondition {
  return { ...name, version: row?.version ?? "absent" };
}
