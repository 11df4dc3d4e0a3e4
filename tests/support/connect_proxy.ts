/**
 * A proxy that opens CONNECT tunnels (RFC 9110, section 9.3.6) to ports of this machine for any requested name.
 *
 * @module
 */
import type { Pair } from "./certificates.ts";

/** A fault of the proxy in place of a tunnel: an answer, no answer, or a closed connection. */
export type ProxyFault = { readonly answer: string } | "silent" | "hangup";

/** One proxy. Disposing it closes its port. */
export class ConnectProxy implements Disposable {
  /** The heads of the requests. */
  readonly heads: string[] = [];
  /** All bytes that were forwarded to servers, as Latin-1. */
  carried = "";
  /** Number of closed connections. */
  ended = 0;
  fault: ProxyFault | undefined;
  readonly origin: string;
  readonly #port: number;
  readonly #listener: Deno.Listener<Deno.TcpConn | Deno.TlsConn>;

  /**
   * @param port the port to which all tunnels lead.
   * @param pair the certificate of the proxy; without TLS if left out.
   */
  constructor(port: number, pair?: Pair) {
    this.#port = port;
    const listen = { hostname: "127.0.0.1", port: 0 };
    this.#listener = pair === undefined
      ? Deno.listen(listen)
      : Deno.listenTls({ ...listen, cert: pair.certificate, key: pair.key });
    const { port: own } = this.#listener.addr as Deno.NetAddr;
    this.origin = `${pair === undefined ? "http" : "https"}://127.0.0.1:${own}`;
    void this.#accept();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        void this.#serve(client).catch(() => {}).finally(() => {
          this.ended++;
          close(client);
        });
      }
    } catch {
      // The listener was closed.
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    const head = await readHead(client);
    this.heads.push(head);
    const { fault } = this;
    if (fault === "hangup") return;
    if (fault === "silent") return void await client.read(new Uint8Array(1));
    await write(client, fault === undefined ? "HTTP/1.1 200 Connection established\r\n\r\n" : fault.answer);
    if (fault !== undefined) return void await client.read(new Uint8Array(1));
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
    try {
      await Promise.race([
        carry(client, server, (bytes) => this.carried += new TextDecoder("latin1").decode(bytes)),
        carry(server, client, () => {}),
      ]);
    } finally {
      close(server);
    }
  }
}

async function readHead(conn: Deno.Conn): Promise<string> {
  let head = "";
  const buffer = new Uint8Array(4096);
  while (!head.includes("\r\n\r\n")) {
    const read = await conn.read(buffer);
    if (read === null) break;
    head += new TextDecoder("latin1").decode(buffer.subarray(0, read));
  }
  return head;
}

async function carry(from: Deno.Conn, to: Deno.Conn, note: (bytes: Uint8Array) => void): Promise<void> {
  const buffer = new Uint8Array(1 << 14);
  for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
    note(buffer.subarray(0, read));
    for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
  }
}

async function write(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}
