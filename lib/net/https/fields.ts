/**
 * Reading parsed JSON of which nothing is known yet.
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";

/** A field of a JSON object; `undefined` where it is missing or null, or where there is no object. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value ?? undefined;
}

/** The JSON in UTF-8 bytes; `undefined` where there is none. */
export function parsedJson(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(bytes === undefined ? "" : utf8Text(bytes) ?? "");
  } catch {
    return undefined;
  }
}
