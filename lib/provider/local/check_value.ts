/**
 * How a damaged local key is told from a good one.
 *
 * The ID of a key is its check value: the first 8 bytes of HMAC-SHA-256 under the key of a fixed label, in hexadecimal.
 * Keys that were made before IDs were check values have random ones, and the file has no field that could say which is
 * which: older versions of Trousseau refuse any field that they do not know. So the time of creation says it. Time is
 * divided into slots of 2^24 ms, some four hours and a half; each slot has one marked instant, which only its number
 * decides. A key whose `createdAt` is a marked instant has a check value for an ID. An older key was made at a marked
 * instant with a probability of 2^-24.
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
 * @param material 32 random bytes. What 8 bytes of an HMAC tell of them helps nobody to find them.
 * @returns 16 lowercase hexadecimal digits.
 */
export function checkValueOf(material: Uint8Array): string {
  return hex(new Uint8Array(createHmac("sha256", material).update(label).digest()).subarray(0, checkBytes));
}

/** The first marked instant that is not before `ms`. Both are milliseconds since the epoch. */
export function markedFrom(ms: number): number {
  const slot = Math.floor(ms / slotMs);
  const marked = markOf(slot);
  return marked >= ms ? marked : markOf(slot + 1);
}

/** Whether a key that was made at this time has a check value for an ID. */
export function isMarked(createdAt: number): boolean {
  return markOf(Math.floor(createdAt / slotMs)) === createdAt;
}

function markOf(slot: number): number {
  const [high = 0, middle = 0, low = 0] = sha256(lengthPrefixed(markLabel, utf8(String(slot))));
  return slot * slotMs + high * 2 ** 16 + middle * 2 ** 8 + low;
}
