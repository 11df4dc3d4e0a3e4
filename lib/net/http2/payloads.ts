/**
 * What is in a frame, by its type: sizes and bounds are checked here, and nothing is done yet.
 *
 * @module
 */
import { ConnectionError, StreamError } from "./errors.ts";
import { frameFlags, type Http2Frame, maxPayload, settingIds } from "./frames.ts";
import { windows } from "./windows.ts";

/** A part of a frame's bytes. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

/** The body in DATA (RFC 9113, section 6.1). */
export function bodyPart(frame: Http2Frame): Part {
  requireStream(frame, true);
  return unpadded(frame, 0);
}

/** The block, or its beginning, in HEADERS (section 6.2), and whether its stream is said to depend on itself. */
export function blockPart(frame: Http2Frame): Part & { readonly dependsOnItself: boolean } {
  requireStream(frame, true);
  const hasPriority = (frame.flags & frameFlags.PRIORITY) !== 0;
  const { from, to } = unpadded(frame, hasPriority ? 5 : 0);
  return { from, to, dependsOnItself: hasPriority && dependsOnItself(frame, from - 5) };
}

/**
 * Checks PRIORITY (section 6.3), which is not heeded: it is deprecated. A stream that has not begun may have one and
 * cannot be reset, so that a fault ends the connection.
 */
export function checkPriority(frame: Http2Frame): void {
  requireStream(frame, true);
  requireSize(frame, 5);
  if (dependsOnItself(frame, frame.from)) throw new ConnectionError("PROTOCOL_ERROR", "A stream depends on itself.");
}

/** Checks RST_STREAM (section 6.4). */
export function checkReset(frame: Http2Frame): void {
  requireStream(frame, true);
  requireSize(frame, 4);
}

/**
 * The settings in SETTINGS (section 6.5); none in one that acknowledges ours.
 *
 * @returns identifiers and values. Each value is checked, and the last one of an identifier counts: nothing is sent between
 *   two settings of a frame, so that those before it have no effect.
 */
export function settingsIn(frame: Http2Frame): ReadonlyMap<number, number> {
  requireStream(frame, false);
  const { bytes, from, to, flags } = frame;
  const isAck = (flags & frameFlags.ACK) !== 0;
  if (isAck ? to !== from : (to - from) % 6 !== 0) {
    throw new ConnectionError("FRAME_SIZE_ERROR", "SETTINGS has another size.");
  }
  const settings = new Map<number, number>();
  for (let at = from; at < to; at += 6) {
    const [id, value] = [bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2)];
    checkSetting(id, value);
    if (heeded.has(id)) settings.set(id, value);
  }
  return settings;
}

/** The settings of a client that make a difference here. */
const heeded: ReadonlySet<number> = new Set([settingIds.INITIAL_WINDOW_SIZE, settingIds.MAX_FRAME_SIZE]);

function checkSetting(id: number, value: number): void {
  if (id === settingIds.INITIAL_WINDOW_SIZE && value > windows.largest) {
    throw new ConnectionError("FLOW_CONTROL_ERROR", "A window is announced that is too large.");
  }
  const [least, most] = bounds[id] ?? [0, 2 ** 32 - 1];
  if (value < least || value > most) throw new ConnectionError("PROTOCOL_ERROR", "A setting is out of bounds.");
}

const bounds: Readonly<Record<number, readonly [least: number, most: number]>> = {
  [settingIds.ENABLE_PUSH]: [0, 1],
  [settingIds.MAX_FRAME_SIZE]: [maxPayload, 2 ** 24 - 1],
};

/** Checks PING (section 6.7). */
export function checkPing(frame: Http2Frame): void {
  requireStream(frame, false);
  requireSize(frame, 8);
}

/** Checks GOAWAY (section 6.8). */
export function checkGoAway(frame: Http2Frame): void {
  requireStream(frame, false);
  if (frame.to - frame.from < 8) throw new ConnectionError("FRAME_SIZE_ERROR", "GOAWAY is too short.");
}

/** How much further a window is opened by WINDOW_UPDATE (section 6.9). */
export function incrementIn(frame: Http2Frame): number {
  requireSize(frame, 4);
  const increment = frame.bytes.readUInt32BE(frame.from) & 0x7fff_ffff;
  if (increment > 0) return increment;
  const why = "A window is opened by nothing.";
  if (frame.stream === 0) throw new ConnectionError("PROTOCOL_ERROR", why);
  throw new StreamError("PROTOCOL_ERROR", frame.stream, why);
}

/** The payload without its padding, `head` bytes into it. */
function unpadded({ flags, bytes, from, to }: Http2Frame, head: number): Part {
  const isPadded = (flags & frameFlags.PADDED) !== 0;
  const begin = from + head + (isPadded ? 1 : 0);
  const end = isPadded ? to - (bytes[from] ?? 0) : to;
  // Padded or not, `head` is a part of the payload that a frame has to have.
  if (begin > to) throw new ConnectionError("FRAME_SIZE_ERROR", "A frame is too short.");
  if (begin > end) throw new ConnectionError("PROTOCOL_ERROR", "A frame is padded with more than it holds.");
  return { from: begin, to: end };
}

function dependsOnItself({ bytes, stream }: Http2Frame, at: number): boolean {
  return (bytes.readUInt32BE(at) & 0x7fff_ffff) === stream;
}

function requireStream({ stream }: Http2Frame, wanted: boolean): void {
  if ((stream !== 0) !== wanted) {
    throw new ConnectionError("PROTOCOL_ERROR", "A frame is on a stream where it is not allowed.");
  }
}

function requireSize({ from, to }: Http2Frame, size: number): void {
  if (to - from !== size) throw new ConnectionError("FRAME_SIZE_ERROR", "A frame has another size than its type.");
}
