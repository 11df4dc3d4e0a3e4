/**
 * The mark of a `reseal` that is not finished: while it stands, records under keys of the epoch before still open. It is
 * sealed under the newest key, so that a leaked older key cannot make it.
 *
 * @module
 */
import { equalBytes } from "../../../base/bytes.ts";
import type { Engine } from "../engine/engine.ts";
import { isCount, jsonBytes, jsonMembers } from "./json_record.ts";
import type { RecordCodec } from "./records.ts";
import { openRecord, recordHeader } from "./seal.ts";
import { metaKey } from "./store_format.ts";
import type { OpenedKey } from "./store_key.ts";

/** The content of the mark. */
export interface ResealMark {
  /** The epoch that records are sealed under anew. */
  readonly epoch: number;
  /** Milliseconds since the epoch of Unix. */
  readonly startedAt: number;
}

/** The record of the mark. */
export const resealCodec: RecordCodec<ResealMark> = {
  table: "meta",
  encode: jsonBytes,
  decode: (bytes) => {
    const { epoch, startedAt } = jsonMembers(bytes) ?? {};
    return isCount(epoch) && isCount(startedAt) ? { epoch, startedAt } : undefined;
  },
};

/** Whether the mark stands for the epoch of the newest key. */
export async function isResealing(engine: Engine, newest: OpenedKey, signal: AbortSignal): Promise<boolean> {
  const name = { table: "meta", key: metaKey("reseal") } as const;
  const [row] = await engine.get([name], signal);
  const header = row && recordHeader(row.bytes);
  if (!header || !equalBytes(header.keyId, newest.id)) return false;
  const content = openRecord(row.bytes, header, newest, {
    storeId: engine.storeId,
    ...name,
    context: new Uint8Array(0),
  });
  return content !== undefined && resealCodec.decode(content)?.epoch === newest.epoch;
}
