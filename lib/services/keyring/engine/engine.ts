/**
 * The contract of a storage engine: rows of bytes in tables, changed by transactions that compare versions. An engine
 * knows nothing of the content of a row, which is sealed (`../records`).
 *
 * @module
 */

/** All tables, each with the number that stands for it in stored keys and in the additional data of a seal. */
export const tables = {
  /** Store keys and the index key, wrapped by the providers. Row key: 8 random bytes. */
  key: 1,
  /** Single rows by name: format, fingerprint key, certificate authorities, audit key, checkpoint. */
  meta: 2,
  /** One row for each segment of a path. Row key: ID of the parent folder, 16 bytes, then an HMAC, 32 bytes. */
  index: 3,
  /** One row for each secret. Row key: its ID, 16 bytes. */
  metadata: 4,
  /** One row for each version of a secret. Row key: ID of the secret, 16 bytes, then the version, 4 bytes. */
  value: 5,
  /** The policy, one row. */
  policy: 6,
  /** People and machines. Row key: ID, 16 bytes. */
  identity: 7,
  /** Enrolments with their certificates. Row key: ID, 16 bytes. */
  enrolment: 8,
  /** Enrolment codes. Row key: HMAC of the code, 32 bytes. */
  code: 9,
  /** Bearer tokens. Row key: HMAC of the token, 32 bytes. */
  token: 10,
  /** Credentials that are revoked before they expire. Row key: HMAC of its name, 32 bytes. */
  revocation: 11,
  /** Answers to requests with an idempotency key. Row key: HMAC, 32 bytes. */
  idempotency: 12,
  /** Imports. Row key: ID, 16 bytes. */
  import: 13,
  /** Paths that an import has claimed. Row key: HMAC of the path, 32 bytes. */
  claim: 14,
  /** Work that is due later. Row key: time in milliseconds, 8 bytes, then 8 random bytes. */
  schedule: 15,
} as const satisfies Readonly<Record<string, number>>;

/** The name of a table. */
export type TableName = keyof typeof tables;

/** Limits of every engine. */
export const engineLimits = {
  /** Maximum length of a row's key in bytes. */
  keyBytes: 64,
  /** Maximum length of a row's content in bytes: a secret of 1 MiB, its names and its seal. */
  rowBytes: 1_200_000,
  /** Maximum number of conditions and writes of one transaction together. */
  operations: 100,
  /** Maximum number of bytes of all writes of one transaction. */
  transactionBytes: 1_310_720,
} as const;

/** The name of a row. */
export interface RowName {
  readonly table: TableName;
  /** 1 to 64 bytes. */
  readonly key: Uint8Array;
}

/** A row as it is stored. */
export interface StoredRow extends RowName {
  readonly bytes: Uint8Array;
  /** Grows with each write of this row; 1 or more. Another row, or the same row made anew, may have any version. */
  readonly version: number;
}

/** A row must have this version, or be absent, for a transaction to be committed. */
export interface RowCondition extends RowName {
  readonly version: number | "absent";
}

/** A write of a transaction; without bytes the row is deleted. */
export interface RowWrite extends RowName {
  readonly bytes: Uint8Array | undefined;
}

/** A part of a table. */
export interface Range {
  readonly table: TableName;
  /** Only rows whose key begins with it; empty for the whole table. */
  readonly prefix: Uint8Array;
  /** Only rows whose key is greater, byte by byte. */
  readonly after?: Uint8Array;
  /** Maximum number of rows, 1 to 10,000. */
  readonly limit: number;
}

/** The state of an engine, for health. */
export interface EngineHealth {
  readonly state: "ok" | "degraded" | "failed";
  /** A sentence, unless the state is `ok`. */
  readonly reason?: string;
}

/** Changes of a table. It can be iterated once. */
export interface RowWatch extends AsyncIterable<readonly RowName[]> {
  /**
   * A time on the monotonic clock. All changes that were committed before it have been taken from the iterator, and the next
   * ones were asked for: a consumer that applies each list before it asks for the next one has applied them.
   */
  confirmedAt(): number;
}

/** Milliseconds after which a watch is not relied upon, unless its `confirmedAt` is later. */
export const watchStaleMs = 5_000;

/**
 * An engine. All failures are `KeyringError`s with the code `store_unavailable`, and their sentence says what to
 * do; a condition that does not hold is no failure. A transaction beyond {@linkcode engineLimits} is `too_large`, one with
 * an impossible name or range, or with two writes of one row, `internal`.
 *
 * A write whose promise is fulfilled survives SIGKILL and power loss. One that was rejected has changed nothing and will
 * not, unless the error's `details.outcome` is `unknown`.
 */
export interface Engine extends AsyncDisposable {
  readonly kind: "embedded" | "etcd";
  /** 16 random bytes, made with the store. They are part of the additional data of each seal. */
  readonly storeId: Uint8Array;
  /**
   * Reads rows in one consistent state, in the order of the names. Every commit that was acknowledged before the call, by any
   * server, is seen; where that cannot be made sure it is `store_unavailable`.
   */
  get(names: readonly RowName[], signal: AbortSignal): Promise<readonly (StoredRow | undefined)[]>;
  /** Reads rows in the order of their keys. */
  scan(range: Range, signal: AbortSignal): Promise<readonly StoredRow[]>;
  /**
   * Writes all rows, or none if a condition does not hold.
   *
   * @returns whether it was committed.
   */
  commit(conditions: readonly RowCondition[], writes: readonly RowWrite[], signal: AbortSignal): Promise<boolean>;
  /**
   * The names of rows of a table that were written or deleted since the call, by any server of the store. It ends when
   * the signal is aborted, and throws if changes can have been missed.
   */
  watch(table: TableName, signal: AbortSignal): RowWatch;
  /**
   * A number for the rows of a table whose keys begin with these 16 bytes. It differs from every earlier one as soon as a
   * change of such a row can be seen in a read, and before it is answered. Left out by an engine whose store other servers
   * write, too.
   */
  mark?(table: TableName, prefix: Uint8Array): number;
  /** All rows in one consistent state, in the order of tables and keys: for backups and checkpoints. */
  snapshot(signal: AbortSignal): AsyncIterable<readonly StoredRow[]>;
  /**
   * Overwrites deleted and replaced content. Resolves when none is left in the files of an embedded store. In etcd it
   * resolves at once: old content stays there until the operator compacts and defragments, and in etcd's snapshots.
   */
  purge(signal: AbortSignal): Promise<void>;
  health(): EngineHealth;
}
