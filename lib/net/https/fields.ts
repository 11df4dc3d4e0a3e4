/**
 * Access to parsed JSON of unknown form.
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";

/** A field of a JSON object; `undefined` if it is missing or null, or if `value` is not an object. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value ?? undefined;
}

/** The parsed JSON of UTF-8 bytes; `undefined` if they are not JSON. */
export function parsedJson(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(bytes === undefined ? "" : utf8Text(bytes) ?? "");
  } catch {
    return undefined;
  }
}
