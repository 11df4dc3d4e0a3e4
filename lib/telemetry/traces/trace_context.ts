/**
 * Trace context: IDs, the header `traceparent`, and the decision whether a trace is recorded.
 *
 * Source: W3C Trace Context, level 1.
 *
 * @module
 */

/** The span of another program that a call belongs to. */
export interface RemoteParent {
  /** 32 lowercase hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** 16 lowercase hexadecimal digits, not all 0. */
  readonly spanId: string;
  /** Whether the caller records the trace. */
  readonly isSampled: boolean;
}

/** Version 00 has no more fields; a later version may have. */
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x20-\x7e]*)?$/;

/** Longest header that is looked at, in characters. */
const maxLength = 256;

/** Parses `traceparent`. @returns `undefined` if it is absent, or invalid: then the trace begins here. */
export function remoteParent(header: string | undefined): RemoteParent | undefined {
  if (header === undefined || header.length > maxLength) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = form.exec(header) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Random bytes in hexadecimal digits, not all 0. */
export function randomId(bytes: 8 | 16): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  if (random.every((byte) => byte === 0)) random[0] = 1;
  return random.reduce((text, byte) => text + (byte + 0x100).toString(16).slice(1), "");
}

/**
 * Whether a trace that begins here is recorded. The last 52 bits of its ID decide, so that every plugin with the same ratio
 * decides alike.
 *
 * @param ratio from 0 to 1.
 */
export function isRecorded(traceId: string, ratio: number): boolean {
  // 13 digits: no more are exact in a number of 53 bits.
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
}
