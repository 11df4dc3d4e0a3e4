/**
 * A TCP port in front of a Unix socket, for clients without support for Unix sockets.
 *
 * @module
 */
import { connect, createServer } from "node:net";
import { freePort } from "./processes.ts";

/** Forwards each connection to the socket, byte by byte. h2spec needs it. */
export async function bridge(path: string): Promise<{ readonly port: number } & AsyncDisposable> {
  const port = freePort();
  const server = createServer((outer) => {
    const inner = connect(path);
    for (const [one, other] of [[outer, inner], [inner, outer]] as const) {
      one.on("error", () => {}).on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}
