/**
 * An HTTPS server whose certificate has expired.
 *
 * @module
 */
import { once } from "node:events";
import { createServer } from "node:https";
import type { Pair } from "./certificates.ts";

/** The server. No request reaches it from a client that verifies it. */
export interface ExpiredServer extends AsyncDisposable {
  readonly address: string;
  /** Number of requests. */
  readonly requests: number;
}

/** Opens one on loopback. @param pair for `127.0.0.1`. */
export async function openExpired({ certificate, key }: Pair): Promise<ExpiredServer> {
  const state = { requests: 0 };
  const server = createServer({ cert: certificate, key }, (_, response) => {
    state.requests++;
    response.end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    address: `https://127.0.0.1:${port}`,
    get requests() {
      return state.requests;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
