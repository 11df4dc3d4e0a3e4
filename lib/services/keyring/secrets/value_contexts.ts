/**
 * The contexts of value records, for `reseal` and `verify`: the names of a version's fields are in the metadata of its
 * secret, or in the claim of an import that is not finished.
 *
 * @module
 */
import { equalBytes, hex } from "../../../base/bytes.ts";
import type { RowContexts } from "../records/raw_rows.ts";
import type { RecordReader } from "../records/records.ts";
import { claimCodec } from "./import_records.ts";
import { treeIdBytes } from "./index_record.ts";
import { metadataCodec, type StoredVersion } from "./metadata_record.ts";
import { valueCodec, valueKey } from "./value_record.ts";

/** Number of claims that one scan reads. */
const scanClaims = 500;

/** The contexts of the tables of secrets. */
export const secretContexts: RowContexts = {
  value: async (key, reader) => {
    const id = key.subarray(0, treeIdBytes);
    const secret = await reader.get(metadataCodec, id);
    const version = secret?.value.versions.find((one) => equalBytes(valueKey(id, one.version), key));
    const found = version ?? await claimedVersion(reader, key);
    return found && valueContext(found, key);
  },
};

/** The context of a value record. */
export function valueContext({ fields }: Pick<StoredVersion, "fields">, key: Uint8Array): Uint8Array | undefined {
  return valueCodec(fields.map(({ name }) => name)).context?.(key);
}

async function claimedVersion(reader: RecordReader, key: Uint8Array): Promise<StoredVersion | undefined> {
  let after: Uint8Array | undefined;
  for (;;) {
    const claims = await reader.scan(claimCodec, { limit: scanClaims, ...(after && { after }) });
    const found = claims.find(({ value: { id, base } }) => hex(valueKey(id, base + 1)) === hex(key));
    if (found || claims.length < scanClaims) return found?.value.secret.versions[0];
    after = claims.at(-1)?.key;
  }
}
