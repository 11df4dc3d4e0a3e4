/**
 * Records that are JSON texts, checked by a schema when they are read.
 *
 * @module
 */
import type * as z from "zod/mini";
import { exactText, utf8 } from "../../../base/bytes.ts";
import type { TableName } from "../engine/engine.ts";
import type { RecordCodec } from "./records.ts";

/**
 * A codec for a table whose records are JSON. Bytes are written as text by the caller, for instance in hexadecimal.
 *
 * @param schema of the value; a stored value that does not match it is refused. It must be strict, so that no field is
 *   dropped in silence.
 */
export function jsonCodec<Value>(table: TableName, schema: z.ZodMiniType<Value>): RecordCodec<Value> {
  return {
    table,
    encode: (value) => utf8(JSON.stringify(value)),
    decode: (bytes) => {
      const text = exactText(bytes);
      if (text === undefined) return undefined;
      const parsed = schema.safeParse(jsonValue(text));
      return parsed.success ? parsed.data : undefined;
    },
  };
}

/** `undefined` if the text is not JSON. */
function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
