/**
 * The answer to a request over HTTP.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";

/** What was answered, whatever its status. A redirect is an answer like any other and never followed. */
export interface HttpAnswer {
  readonly status: number;
  /** The parsed JSON; `undefined` where the body was empty or no JSON. */
  readonly body: unknown;
  /** The body as it came, for what is no JSON. */
  readonly bytes: Uint8Array;
  readonly retryAfterMs: number | undefined;
  readonly headers: IncomingHttpHeaders;
}
