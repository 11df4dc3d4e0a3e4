/**
 * The policy of a store: read at each request, changed by check-and-set.
 *
 * @module
 */
import * as z from "zod/mini";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RowName } from "../engine/engine.ts";
import type { FetchedRecord, OpenedRecord, RecordReader, RecordStore } from "../records/records.ts";
import { grantsBeyond } from "./grants.ts";
import type { Identity } from "./identity.ts";
import { emptyPolicy, type Policy } from "./policy.ts";
import { parsePolicy } from "./policy_text.ts";
import { requireAdmin } from "./require_admin.ts";

/** The policy as it was set. */
export interface PolicyRecord {
  /** 1 or more; see {@linkcode Policy.version}. */
  readonly version: number;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Name of the identity that set it. */
  readonly by: string;
}

const codec = jsonCodec<PolicyRecord>(
  "policy",
  z.strictObject({
    version: z.int().check(z.minimum(1)),
    text: z.string(),
    at: z.int(),
    by: z.string(),
  }),
  true,
);

const rowKey = utf8("policy");

/** The row of the policy, for `RecordReader.fetch`. */
export const policyRow: RowName = { table: codec.table, key: rowKey };

/** The policy of one store. */
export class Policies {
  readonly #store: RecordStore;
  readonly #clock: Clock;
  /** The policy of a row revision, so that it is parsed once. */
  #parsed: { readonly revision: number; readonly policy: Policy } | undefined;

  constructor(parts: { readonly store: RecordStore; readonly clock: Clock }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /**
   * The policy that is in force; {@linkcode emptyPolicy} if none was set.
   *
   * @throws {KeyringError} `integrity` if the row does not open or is no policy, `store_unavailable`, `kms_unavailable`.
   */
  current(signal: AbortSignal): Promise<Policy> {
    return this.read(this.#store.reader(signal));
  }

  /** As {@linkcode Policies.current}, as a part of a transaction. */
  async read(reader: RecordReader): Promise<Policy> {
    return this.#policyOf(await reader.get(codec, rowKey));
  }

  /** The policy of a row that was fetched by {@linkcode policyRow}. */
  async opened(reader: RecordReader, fetched: FetchedRecord | undefined): Promise<Policy> {
    return this.#policyOf(fetched === undefined ? undefined : await reader.open(codec, fetched));
  }

  /** The policy as it was set; `undefined` if none was. */
  async text(signal: AbortSignal): Promise<PolicyRecord | undefined> {
    return (await this.#store.reader(signal).get(codec, rowKey))?.value;
  }

  /**
   * Replaces the policy.
   *
   * @param text YAML or JSON of `policySchema`.
   * @param cas the version that is replaced; 0 if none was set. Without it, any version is.
   * @returns the new policy.
   * @throws {KeyringError} `request_invalid` with the place of each problem, `forbidden` if `by` is no administrator or
   *   grants a right that he lacks, `version_mismatch`.
   */
  set(text: string, by: Identity, signal: AbortSignal, cas?: number): Promise<Policy> {
    return this.#store.transaction(async (tx) => {
      const before = this.#replaced(await tx.get(codec, rowKey), by);
      requireAdmin(before, by, "set the policy");
      if (cas !== undefined && cas !== before.version) {
        throw new KeyringError(
          "version_mismatch",
          before.version === 0
            ? `The policy was not set yet, so it has no version ${cas}.`
            : `The policy has version ${before.version}, not ${cas}.`,
          { version: before.version },
        );
      }
      const after = parsePolicy(text, before.version + 1);
      const [first] = grantsBeyond(before, after, by);
      if (first !== undefined) {
        throw new KeyringError(
          "forbidden",
          `Cannot set the policy: it grants ${first}, a right that ${by.name} lacks.`,
        );
      }
      tx.put(codec, rowKey, { version: after.version, text, at: Math.round(this.#clock.wall()), by: by.name });
      return after;
    }, signal);
  }

  /** The policy that is set anew. Only the admin socket replaces one that cannot be read, since the rights of others are in it. */
  #replaced(record: OpenedRecord<PolicyRecord> | undefined, by: Identity): Policy {
    try {
      return this.#policyOf(record);
    } catch (thrown) {
      if (by.kind !== "local-admin" || record === undefined) throw thrown;
      return { ...emptyPolicy, version: record.value.version };
    }
  }

  #policyOf(record: OpenedRecord<PolicyRecord> | undefined): Policy {
    if (record === undefined) return emptyPolicy;
    if (this.#parsed?.revision !== record.revision) {
      this.#parsed = { revision: record.revision, policy: parseStored(record.value) };
    }
    return this.#parsed.policy;
  }
}

function parseStored({ text, version }: PolicyRecord): Policy {
  try {
    return parsePolicy(text, version);
  } catch (cause) {
    throw new KeyringError(
      "integrity",
      "The stored policy is not one that this version of the program reads; set it anew over the admin socket.",
      { cause },
    );
  }
}
