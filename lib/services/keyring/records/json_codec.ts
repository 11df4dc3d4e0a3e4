/**
 * Records that are JSON texts, checked by a schema when they are read.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { TableName } from "../engine/engine.ts";
import { jsonBytes, jsonValueOf } from "./json_record.ts";
import type { RecordCodec } from "./records.ts";

/**
 * A codec for a table whose records are JSON. Bytes are written as text by the caller, for instance in hexadecimal.
 *
 * @param schema of the value; a stored value that does not match it is refused. It must be strict, so that no field is
 *   dropped in silence.
 * @param cached see {@linkcode RecordCodec.cached}: for a table that has this codec alone.
 */
export function jsonCodec<Value>(
  table: TableName,
  schema: z.ZodMiniType<Value>,
  cached = false,
): RecordCodec<Value> {
  return {
    table,
    cached,
    encode: jsonBytes,
    decode: (bytes) => {
      const parsed = schema.safeParse(jsonValueOf(bytes));
      return parsed.success ? parsed.data : undefined;
    },
  };
}
