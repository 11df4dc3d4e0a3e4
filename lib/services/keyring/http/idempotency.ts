/**
 * Idempotency keys: a repeated write is answered as the first one was. The record is part of the transaction of the
 * write, so that it is there if, and only if, the write is.
 *
 * @module
 */
import * as z from "zod/mini";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { hex, utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Identity } from "../policy/identity.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RecordStore } from "../records/records.ts";
import type { WriteCall, WrittenSecret } from "../secrets/model.ts";

/** Lifetime of a record in milliseconds: 24 hours. */
const keptMs = 86_400_000;

/** A write that was made with a key. It has no value of the secret. */
export interface IdempotencyRecord {
  readonly method: string;
  /** The path of the URL. */
  readonly target: string;
  /** HMAC of the body, hex. */
  readonly body: string;
  readonly status: number;
  readonly path: string;
  readonly version: number;
  readonly fingerprint?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const codec = jsonCodec<IdempotencyRecord>(
  "idempotency",
  z.strictObject({
    method: z.string(),
    target: z.string(),
    body: z.string(),
    status: z.int(),
    path: z.string(),
    version: z.int(),
    fingerprint: z.optional(z.string()),
    at: z.int(),
  }),
);

/** A request with a key. */
export interface KeyedRequest {
  readonly key: string;
  readonly identity: Identity;
  readonly method: string;
  readonly target: string;
  readonly body: Uint8Array;
  /** Status of the answer to a success. */
  readonly status: number;
}

/** A record that another request with the same key has made during the transaction. */
class RecordFound extends Error {
  readonly record: IdempotencyRecord;

  constructor(record: IdempotencyRecord) {
    super("found a record of the key");
    this.record = record;
  }
}

/** The idempotency keys of one store. */
export class IdempotencyKeys {
  readonly #store: RecordStore;
  readonly #clock: Pick<Clock, "wall">;

  constructor(store: RecordStore, clock: Pick<Clock, "wall">) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Runs a write once.
   *
   * @param work the write, with the part of its transaction that makes the record.
   * @returns the record of an earlier request with the key, or the result of `work`.
   * @throws {KeyringError} `idempotency_mismatch` if the key belongs to another request.
   */
  async once<Result>(
    request: KeyedRequest,
    work: (alongside: NonNullable<WriteCall["alongside"]>) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<{ readonly record: IdempotencyRecord } | { readonly result: Result }> {
    const slot = await this.#slotOf(request);
    const before = await this.#read(slot, signal);
    if (before !== undefined) return { record: matching(before, slot) };
    try {
      return { result: await work((tx, written) => this.#put(tx, slot, request, written)) };
    } catch (thrown) {
      if (thrown instanceof RecordFound) return { record: matching(thrown.record, slot) };
      // Another request with the key may have come first: then this one failed because of it.
      const found = signal.aborted ? undefined : await this.#read(slot, signal);
      if (found === undefined) throw thrown;
      return { record: matching(found, slot) };
    }
  }

  /** Removes records that are older than 24 hours. @returns their number. */
  async sweep(signal: AbortSignal): Promise<number> {
    let removed = 0;
    let after: Uint8Array | undefined;
    for (;;) {
      const range = { limit: 1_000, ...(after === undefined ? {} : { after }) };
      const rows = await this.#store.reader(signal).scan(codec, range);
      const old = rows.filter(({ value }) => !this.#isCurrent(value));
      for (let at = 0; at < old.length; at += 50) {
        const some = old.slice(at, at + 50);
        await this.#store.transaction(async (tx) => {
          for (const { key } of some) {
            const record = await tx.get(codec, key);
            if (record !== undefined && !this.#isCurrent(record.value)) tx.delete(codec, key);
          }
        }, signal);
      }
      removed += old.length;
      after = rows.at(-1)?.key;
      if (rows.length < 1_000 || after === undefined) return removed;
    }
  }

  async #read({ key }: Slot, signal: AbortSignal): Promise<IdempotencyRecord | undefined> {
    const record = await this.#store.reader(signal).get(codec, key);
    return record !== undefined && this.#isCurrent(record.value) ? record.value : undefined;
  }

  async #put(
    tx: Parameters<NonNullable<WriteCall["alongside"]>>[0],
    { key, body }: Slot,
    { method, target, status }: KeyedRequest,
    { path, version, fingerprint }: WrittenSecret,
  ): Promise<void> {
    const before = await tx.get(codec, key);
    if (before !== undefined && this.#isCurrent(before.value)) throw new RecordFound(before.value);
    const at = Math.round(this.#clock.wall());
    const shown = fingerprint === undefined ? {} : { fingerprint };
    tx.put(codec, key, { method, target, body, status, path, version, ...shown, at });
  }

  #isCurrent({ at }: IdempotencyRecord): boolean {
    // A record of the future was made before the clock was set back: it counts.
    return this.#clock.wall() - at < keptMs;
  }

  async #slotOf(request: KeyedRequest): Promise<Slot> {
    const { identity, key, method, target, body } = request;
    return {
      key: await this.#store.lookupKey("idempotency", utf8(identity.id), utf8(key)),
      body: hex(await this.#store.lookupKey("requestBody", body)),
      method,
      target,
    };
  }
}

interface Slot {
  /** Key of the row. */
  readonly key: Uint8Array;
  readonly body: string;
  readonly method: string;
  readonly target: string;
}

function matching(record: IdempotencyRecord, slot: Slot): IdempotencyRecord {
  if (record.method === slot.method && record.target === slot.target && record.body === slot.body) return record;
  throw new KeyringError(
    "idempotency_mismatch",
    "The idempotency key was used within 24 hours for another request; use a new key for each write.",
  );
}
