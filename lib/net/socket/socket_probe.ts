/**
 * Checks whether one of our sockets is served: connects and waits for the first bytes of an answer in the protocol of
 * the socket.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { abortError, deadline, orAborted } from "../../base/deadline.ts";
import { beginsWith, utf8 } from "../../base/bytes.ts";
import { frameHead, frameTypes, FrameWriter, preface } from "../http2/frames.ts";

/**
 * `answered`: an answer in the protocol arrived. `closed`: the connection was accepted and closed at once, as by a server
 * at its maximum of connections. `silent`: connected, but no such answer. `refused`: not connected. `unable`: this process has no free
 * file descriptor.
 */
export type SocketProbeResult = "answered" | "closed" | "silent" | "refused" | "unable";

/** A check of one protocol: the bytes that it sends, and the size and the test of the first bytes of the answer. */
interface ProtocolRow {
  readonly request: () => Uint8Array;
  /** Bytes. */
  readonly headSize: number;
  readonly isAnswer: (head: Uint8Array) => boolean;
}

/** Offset of the type in a frame header (RFC 9113, section 4.1). */
const typeAt = 3;

/** The beginning of a status line (RFC 9112, section 4). */
const statusLine = utf8("HTTP/1.1 ");

/** The protocols of sockets. */
const protocols = {
  http2: {
    request: () => {
      const writer = new FrameWriter(() => {});
      writer.settings([]);
      return Buffer.concat([preface, writer.take() ?? Buffer.alloc(0)]);
    },
    headSize: frameHead,
    isAnswer: (head) => head[typeAt] === frameTypes.SETTINGS,
  },
  http1: {
    request: () => utf8("GET /livez HTTP/1.1\r\nHost: socket\r\nConnection: close\r\n\r\n"),
    headSize: statusLine.length,
    isAnswer: (head) => beginsWith(head, statusLine),
  },
} as const satisfies Readonly<Record<string, ProtocolRow>>;

/** A protocol of a socket. `http1` needs the page `/livez`. */
export type SocketProtocol = keyof typeof protocols;

/**
 * Connects to `path`, sends a request and waits for the first bytes of the answer. It never throws.
 *
 * @param ms timeout in milliseconds, including the connection.
 */
export async function probeSocket(
  path: string,
  ms: number,
  parent: AbortSignal,
  protocol: SocketProtocol = "http2",
): Promise<SocketProbeResult> {
  using timeout = deadline(ms, parent);
  let connection: Deno.UnixConn;
  try {
    connection = await connected(path, timeout.signal);
  } catch (thrown) {
    return isExhaustion(thrown) ? "unable" : "refused";
  }
  try {
    return await orAborted(firstBytes(connection, protocols[protocol]), timeout.signal, "knock");
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

async function firstBytes(connection: Deno.UnixConn, protocol: ProtocolRow): Promise<SocketProbeResult> {
  await connection.write(protocol.request());
  const head = new Uint8Array(protocol.headSize);
  for (let length = 0; length < head.length;) {
    const read = await connection.read(head.subarray(length));
    if (read === null) return "closed";
    length += read;
  }
  return protocol.isAnswer(head) ? "answered" : "silent";
}

function isExhaustion(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && (thrown.code === "EMFILE" || thrown.code === "ENFILE");
}
