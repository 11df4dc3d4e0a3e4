/**
 * A TCP forwarder that keeps all bytes of both directions.
 *
 * @module
 */
import { connect, createServer, type Socket } from "node:net";
import type { Entry } from "./etcd.ts";

/** Bytes of one side. */
interface Chunk {
  readonly from: string;
  readonly bytes: Uint8Array;
}

/** Forwards a port of loopback to another one. */
export class Recorder implements AsyncDisposable {
  readonly port: number;
  readonly #chunks: readonly Chunk[];
  readonly #close: () => Promise<void>;

  private constructor(port: number, chunks: readonly Chunk[], close: () => Promise<void>) {
    this.port = port;
    this.#chunks = chunks;
    this.#close = close;
  }

  /** Starts one in front of a port. */
  static async before(port: number): Promise<Recorder> {
    const sockets = new Set<Socket>();
    const chunks: Chunk[] = [];
    const server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      for (const [from, to, name] of [[near, far, "client"], [far, near, "server"]] as const) {
        sockets.add(from);
        from.on("data", (bytes: Uint8Array) => chunks.push({ from: name, bytes: bytes.slice() }));
        from.on("error", () => to.destroy()).on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The recorder has no port.");
    return new Recorder(address.port, chunks, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    });
  }

  /** What each side has sent, in one piece. */
  recorded(): Entry[] {
    return ["client", "server"].map((side) => ({
      key: `the wire from the ${side}`,
      value: new Uint8Array(
        Buffer.concat(this.#chunks.filter(({ from }) => from === side).map(({ bytes }) => bytes)),
      ),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
