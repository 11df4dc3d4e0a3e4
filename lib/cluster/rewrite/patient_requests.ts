/**
 * Requests to the API server that are repeated while it is busy or away.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { backoff, jittered } from "../../base/deadline.ts";
import { KmsError, toKmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "../../net/https/http_answer.ts";
import type { ApiServerClient, ApiServerRequest } from "../apiserver/api_server_client.ts";

/** How often and how long a request is repeated. Pauses are milliseconds. */
export const patience = {
  /** Requests in all while the API server throttles, or cannot be reached: about two and a half minutes. */
  away: 12,
  /** Requests in all after an answer of another kind, such as a conflict or an internal error. */
  failed: 5,
  firstPause: 250,
  maxPause: 30_000,
  /** Longest pause that the API server may ask for by `Retry-After`. Up to the same again is added to it. */
  maxRetryAfter: 60_000,
} as const;

/** The server, and the call. */
export interface PatientCall {
  readonly client: ApiServerClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The operation in messages. */
  readonly action: string;
}

/**
 * Sends a request until the answer is final. 409, 429 and 5xx are repeated, and so are failed connections.
 *
 * @param connections requests in all whose connection fails.
 * @returns the last answer, which can be one of these statuses.
 * @throws {KmsError} as {@linkcode ApiServerClient.ask}.
 */
export async function askPatiently(
  call: PatientCall,
  request: ApiServerRequest,
  connections: number = patience.away,
): Promise<HttpAnswer> {
  const { client, clock, signal, action } = call;
  for (let tries = 1;; tries++) {
    const result = await client.ask(request, { signal, action }).catch(toKmsError);
    const most = triesOf(result, connections);
    if (tries >= most || signal.aborted) {
      if (result instanceof KmsError) throw result;
      return result;
    }
    const pause = jittered(backoff(tries - 1, patience.firstPause, patience.maxPause), 0.2);
    const asked = Math.min(result.retryAfterMs ?? 0, patience.maxRetryAfter);
    // Requests that were refused together would come back together.
    await clock.sleep(Math.max(pause, asked * (1 + Math.random())), signal);
  }
}

function triesOf(result: HttpAnswer | KmsError, connections: number): number {
  if (result instanceof KmsError) {
    return result.code === "unreachable" || result.code === "deadline_exceeded" ? connections : 1;
  }
  if (result.status === 429 || result.status === 503) return patience.away;
  return result.status === 409 || result.status >= 500 ? patience.failed : 1;
}
