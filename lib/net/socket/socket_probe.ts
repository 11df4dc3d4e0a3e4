/**
 * Checks whether one of our sockets is served: connects and waits for the SETTINGS frame that an HTTP/2 server sends
 * first.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { abortError, deadline, orAborted } from "../../base/deadline.ts";
import { frameHead, frameTypes, FrameWriter, preface } from "../http2/frames.ts";

/**
 * `answered`: SETTINGS arrived. `closed`: the connection was accepted and closed at once, as by a server at its maximum
 * of connections. `silent`: connected, but no SETTINGS. `refused`: not connected. `unable`: this process has no free
 * file descriptor.
 */
export type SocketProbeResult = "answered" | "closed" | "silent" | "refused" | "unable";

/** Offset of the type in a frame header (RFC 9113, section 4.1). */
const typeAt = 3;

/**
 * Connects to `path`, sends the client preface and waits for the server's first frame. It never throws.
 *
 * @param ms timeout in milliseconds, including the connection.
 */
export async function probeSocket(path: string, ms: number, parent: AbortSignal): Promise<SocketProbeResult> {
  using timeout = deadline(ms, parent);
  let connection: Deno.UnixConn;
  try {
    connection = await connected(path, timeout.signal);
  } catch (thrown) {
    return isExhaustion(thrown) ? "unable" : "refused";
  }
  try {
    return await orAborted(firstFrame(connection), timeout.signal, "knock");
  } catch {
    // The server accepted and closed the connection: one that waits in the backlog is not reset.
    return timeout.signal.aborted ? "silent" : "closed";
  } finally {
    connection.close();
  }
}

/** Connects. A connection that is made after `signal` was aborted is closed at once. */
async function connected(path: string, signal: AbortSignal): Promise<Deno.UnixConn> {
  const connecting = Deno.connect({ transport: "unix", path });
  try {
    return await orAborted(connecting, signal, "knock");
  } catch (thrown) {
    if (signal.aborted) connecting.then((late) => late.close(), () => {});
    throw signal.aborted ? abortError(signal, "knock") : thrown;
  }
}

async function firstFrame(connection: Deno.UnixConn): Promise<SocketProbeResult> {
  const writer = new FrameWriter(() => {});
  writer.settings([]);
  await connection.write(Buffer.concat([preface, writer.take() ?? Buffer.alloc(0)]));
  const head = new Uint8Array(frameHead);
  for (let length = 0; length < head.length;) {
    const read = await connection.read(head.subarray(length));
    if (read === null) return "closed";
    length += read;
  }
  return head[typeAt] === frameTypes.SETTINGS ? "answered" : "silent";
}

function isExhaustion(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && (thrown.code === "EMFILE" || thrown.code === "ENFILE");
}
