/**
 * Asks a Unix socket of ours whether it serves: a connection, and the SETTINGS frame that an HTTP/2 server begins with.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { abortError, deadline, orAborted } from "../../base/deadline.ts";
import { frameHead, frameTypes, FrameWriter, preface } from "../http2/frames.ts";

/**
 * `answered`; `closed` if the connection was accepted and ended at once, as by a server that has as many as it may have;
 * `silent` if the connection was made and no SETTINGS came; `refused` if it was not made; `unable` if this process has no
 * descriptor left to ask with.
 */
export type KnockAnswer = "answered" | "closed" | "silent" | "refused" | "unable";

/** Where a frame's head has its type: RFC 9113, section 4.1. */
const typeAt = 3;

/**
 * Connects to `path`, sends a client's preface and waits for the server's first frame. It never throws.
 *
 * @param ms milliseconds, connecting included.
 */
export async function knock(path: string, ms: number, parent: AbortSignal): Promise<KnockAnswer> {
  using bound = deadline(ms, parent);
  let connection: Deno.UnixConn;
  try {
    connection = await connected(path, bound.signal);
  } catch (thrown) {
    return isExhaustion(thrown) ? "unable" : "refused";
  }
  try {
    return await orAborted(firstFrame(connection), bound.signal, "knock");
  } catch {
    // A connection that waits to be accepted is never reset by its server: this one was.
    return bound.signal.aborted ? "silent" : "closed";
  } finally {
    connection.close();
  }
}

/** A connection that is made after the signal fired is closed at once. */
async function connected(path: string, signal: AbortSignal): Promise<Deno.UnixConn> {
  const connecting = Deno.connect({ transport: "unix", path });
  try {
    return await orAborted(connecting, signal, "knock");
  } catch (thrown) {
    if (signal.aborted) connecting.then((late) => late.close(), () => {});
    throw signal.aborted ? abortError(signal, "knock") : thrown;
  }
}

async function firstFrame(connection: Deno.UnixConn): Promise<KnockAnswer> {
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
