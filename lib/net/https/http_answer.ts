/**
 * The response to an HTTP request.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";

/** A response of any status. Redirects are not followed. */
export interface HttpAnswer {
  readonly status: number;
  /** The parsed JSON; `undefined` if the body is empty or not JSON. */
  readonly body: unknown;
  /** The body as received, for formats other than JSON. */
  readonly bytes: Uint8Array;
  /** The delay that the server requested with Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** A response whose body is read as it comes. */
export interface HttpStream {
  readonly status: number;
  /** Can be iterated once. Leaving it closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
}
