/**
 * Check values, which distinguish a damaged local key from an intact one.
 *
 * The ID of a key is its check value: the first 8 bytes of HMAC-SHA-256 of a fixed label under the key, in hexadecimal.
 * Keys created before IDs were check values have random IDs. A new field in the file cannot mark the difference,
 * because older versions of Trousseau reject unknown fields. So the creation time marks it: time is divided into slots
 * of 2^24 ms (about four and a half hours), and each slot has one marked instant, which depends on its number alone.
 * The ID of a key whose `createdAt` is a marked instant is a check value. An older key has such a time with a
 * probability of 2^-24.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { hex, lengthPrefixed, sha256, utf8 } from "../../base/bytes.ts";

const label = utf8("trousseau-local-check-1");
const markLabel = utf8("trousseau-local-mark-1");
const checkBytes = 8;
const slotMs = 2 ** 24;

/**
 * The check value of a key.
 *
 * @param material 32 random bytes. 8 bytes of an HMAC do not help to find them.
 * @returns 16 lowercase hexadecimal digits.
 */
export function checkValueOf(material: Uint8Array): string {
  return hex(new Uint8Array(createHmac("sha256", material).update(label).digest()).subarray(0, checkBytes));
}

/** The first marked instant at or after `ms`. Both are milliseconds since the epoch. */
export function markedFrom(ms: number): number {
  const slot = Math.floor(ms / slotMs);
  const marked = markOf(slot);
  return marked >= ms ? marked : markOf(slot + 1);
}

/**
 * Whether the ID of a key created at this time is a check value.
 *
 * @param createdAt milliseconds since the epoch.
 */
export function isMarked(createdAt: number): boolean {
  return markOf(Math.floor(createdAt / slotMs)) === createdAt;
}

function markOf(slot: number): number {
  const [high = 0, middle = 0, low = 0] = sha256(lengthPrefixed(markLabel, utf8(String(slot))));
  return slot * slotMs + high * 2 ** 16 + middle * 2 ** 8 + low;
}
