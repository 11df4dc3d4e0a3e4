/**
 * Records whose content is JSON in UTF-8.
 *
 * @module
 */
import { exactText, utf8 } from "../../../base/bytes.ts";

/** The bytes of a JSON value. */
export function jsonBytes(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

/** The JSON value of bytes in UTF-8; `undefined` if they are anything else. */
export function jsonValueOf(bytes: Uint8Array): unknown {
  const text = exactText(bytes);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The members of a JSON object in UTF-8; `undefined` if the bytes are anything else. */
export function jsonMembers(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const value = jsonValueOf(bytes);
  return isMembers(value) ? value : undefined;
}

/** Whether a JSON value is an object. */
export function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
