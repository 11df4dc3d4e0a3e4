/**
 * The ID of a request, and the headers of every answer.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { ApiAnswer, IncomingRequest } from "./exchange.ts";

/** The client's ID of the request, if it is a plain word; else a new one. */
export function requestIdOf(request: IncomingRequest): string {
  const given = request.header("x-request-id");
  return given !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}

/** The answer with the ID of its request, and without leave to store it. */
export function withCommonHeaders(answer: ApiAnswer, requestId: string): ApiAnswer {
  return {
    ...answer,
    headers: {
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...answer.headers,
      "x-request-id": requestId,
    },
  };
}
