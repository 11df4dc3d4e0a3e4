/**
 * Requests to the API on a Unix socket.
 *
 * @module
 */
import { request } from "node:http";

/** An answer. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Sends a request to the socket. @param body is sent as JSON. */
export function adminCall(
  socket: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const sent = request({ socketPath: socket, path, method, headers: all, agent: false }, async (answer) => {
      let text = "";
      for await (const chunk of answer) text += chunk;
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
