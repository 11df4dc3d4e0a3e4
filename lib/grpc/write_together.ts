/**
 * What a connection has to say within one turn of the event loop goes out by one call of the system.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/** The part of a socket that is used here. */
export type WritingSocket = Pick<Socket, "cork" | "uncork" | "write" | "destroy" | "_write" | "_writev">;

/**
 * Holds back what is written to a socket until the code that writes has come to its end.
 *
 * Deno's node:http2 writes the headers, the message and the trailers of an answer one by one, each by a call of the
 * system: a quarter of what a gRPC call costs, for the server and once more for the client that reads three times. The
 * trailers come a turn of the loop later than the message, so that a connection which has written more than once is
 * left one turn more, and never two. No timer is waited for.
 *
 * What was held goes out in one piece: Deno makes a call of the system for each piece that a `writev` is handed.
 */
export function writeTogether(socket: WritingSocket): void {
  const { write, destroy } = socket;
  socket._writev = (pieces, callback) => {
    const bytes = pieces.map(({ chunk, encoding }) => typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    socket._write(Buffer.concat(bytes), "buffer" as BufferEncoding, callback);
  };
  let held = 0;
  const release = () => {
    if (held === 0) return;
    held = 0;
    socket.uncork();
  };
  const hold = () => {
    if (++held > 1) return;
    socket.cork();
    setImmediate(() => held > 1 ? setImmediate(release) : release());
  };
  socket.write = (...args: unknown[]) => {
    hold();
    return Reflect.apply(write, socket, args);
  };
  // What is held back when a connection is cut off would be lost, the GOAWAY of a server that stops among it.
  socket.destroy = (...args: Parameters<typeof destroy>) => {
    release();
    return destroy.apply(socket, args);
  };
}
