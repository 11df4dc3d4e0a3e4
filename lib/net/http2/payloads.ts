/**
 * Checks sizes and value ranges of each frame type's payload and locates its parts. It has no effects.
 *
 * @module
 */
import { ConnectionError, StreamError } from "./errors.ts";
import { frameFlags, type Http2Frame, maxPayload, settingIds } from "./frames.ts";
import { windows } from "./windows.ts";

/** Part of a frame's bytes: from offset `from` up to, but not including, `to`. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

/** The body in DATA (RFC 9113, section 6.1), without padding. */
export function bodyPart(frame: Http2Frame): Part {
  requireStream(frame, true);
  return unpadded(frame, 0);
}

/**
 * The header block, or its first fragment, in HEADERS (section 6.2), and whether the stream's priority depends on
 * itself.
 */
export function blockPart(frame: Http2Frame): Part & { readonly dependsOnItself: boolean } {
  requireStream(frame, true);
  const hasPriority = (frame.flags & frameFlags.PRIORITY) !== 0;
  const { from, to } = unpadded(frame, hasPriority ? 5 : 0);
  return { from, to, dependsOnItself: hasPriority && dependsOnItself(frame, from - 5) };
}

/**
 * Checks PRIORITY (section 6.3). Its content is ignored: priorities are deprecated. An error closes the connection,
 * because PRIORITY can arrive for an idle stream, which cannot be reset.
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
 * The settings in SETTINGS (section 6.5); empty for an ACK.
 *
 * @returns values by identifier, of the settings that are used. All values are checked. The last value of an identifier
 *   counts: nothing is sent between two settings of one frame, so that earlier values have no effect.
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
    if (usedSettings.has(id)) settings.set(id, value);
  }
  return settings;
}

/** The client's settings that this server uses. */
const usedSettings: ReadonlySet<number> = new Set([settingIds.INITIAL_WINDOW_SIZE, settingIds.MAX_FRAME_SIZE]);

function checkSetting(id: number, value: number): void {
  if (id === settingIds.INITIAL_WINDOW_SIZE && value > windows.max) {
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

/** The increment in WINDOW_UPDATE, in bytes (section 6.9). */
export function incrementIn(frame: Http2Frame): number {
  requireSize(frame, 4);
  const increment = frame.bytes.readUInt32BE(frame.from) & 0x7fff_ffff;
  if (increment > 0) return increment;
  const why = "A window is opened by nothing.";
  if (frame.stream === 0) throw new ConnectionError("PROTOCOL_ERROR", why);
  throw new StreamError("PROTOCOL_ERROR", frame.stream, why);
}

/** The payload without its padding and without its first `head` bytes. */
function unpadded({ flags, bytes, from, to }: Http2Frame, head: number): Part {
  const isPadded = (flags & frameFlags.PADDED) !== 0;
  const begin = from + head + (isPadded ? 1 : 0);
  const end = isPadded ? to - (bytes[from] ?? 0) : to;
  // The `head` bytes are mandatory, whether the frame is padded or not.
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
