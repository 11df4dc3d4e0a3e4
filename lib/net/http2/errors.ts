/**
 * Error codes of HTTP/2, and the two kinds of errors that a client's frames cause.
 *
 * @module
 */

/** Error codes and their numbers on the wire (RFC 9113, section 7). */
export const http2ErrorCodes = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const satisfies Record<string, number>;

/** The name of an HTTP/2 error code. */
export type ErrorName = keyof typeof http2ErrorCodes;

/**
 * Closes the whole connection (RFC 9113, section 5.4.1): its state is lost, so that no later frame can be read
 * correctly.
 */
export class ConnectionError extends Error {
  override readonly name = "ConnectionFault";
  readonly code: ErrorName;

  constructor(code: ErrorName, why: string) {
    super(why);
    this.code = code;
  }
}

/** Resets one stream (RFC 9113, section 5.4.2). The other streams of the connection continue. */
export class StreamError extends Error {
  override readonly name = "StreamFault";
  readonly code: ErrorName;
  /** Stream identifier. */
  readonly stream: number;

  constructor(code: ErrorName, stream: number, why: string) {
    super(why);
    this.code = code;
    this.stream = stream;
  }
}
