/**
 * A TCP forwarder in front of a KMS. It can close its connections, or stop forwarding while both ends stay connected.
 *
 * It does not change the bytes, so that signatures over the called address stay valid.
 *
 * @module
 */
import { freePort } from "../../support/processes.ts";

interface Link {
  readonly near: Deno.TcpConn;
  readonly far: Deno.TcpConn;
}

/** Forwards TCP connections from one port of loopback to another one. */
export class Wire implements AsyncDisposable {
  /** Its address as an origin of plain HTTP. */
  readonly address: string;
  readonly #port = freePort();
  readonly #far: number;
  readonly #links = new Set<Link>();
  readonly #work = new Set<Promise<void>>();
  #listener: Deno.TcpListener | undefined;
  /** Pending while nothing is forwarded. */
  #alive: Promise<void> = Promise.resolve();
  #revive: () => void = () => {};

  private constructor(origin: string) {
    this.#far = Number(new URL(origin).port);
    this.address = `http://127.0.0.1:${this.#port}`;
  }

  /** Starts a forwarder to an origin. */
  static to(origin: string): Wire {
    const wire = new Wire(origin);
    wire.mend();
    return wire;
  }

  /** Forwards again, first the bytes that wait. */
  mend(): void {
    this.#revive();
    if (this.#listener !== undefined) return;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.#port });
    this.#track(this.#accept(this.#listener));
  }

  /** Closes all connections and refuses new ones, as a host without the server does. */
  cut(): void {
    this.#revive();
    this.#listener?.close();
    this.#listener = undefined;
    for (const link of this.#links) hangUp(link);
  }

  /** Accepts connections and forwards nothing, so that clients wait. */
  freeze(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#alive = promise;
    this.#revive = resolve;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #track(work: Promise<void>): void {
    const kept = work.finally(() => this.#work.delete(kept));
    this.#work.add(kept);
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for await (const near of listener) this.#track(this.#connect(near));
  }

  async #connect(near: Deno.TcpConn): Promise<void> {
    const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#far }).catch(() => undefined);
    if (far === undefined) return near.close();
    const link = { near, far };
    this.#links.add(link);
    // `cut` was called during the dial.
    if (this.#listener === undefined) hangUp(link);
    await Promise.all([this.#pass(near, far), this.#pass(far, near)]);
    hangUp(link);
    this.#links.delete(link);
  }

  /** Forwards one direction until either end is closed. */
  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const bytes = new Uint8Array(16_384);
    try {
      for (let read = await from.read(bytes); read !== null; read = await from.read(bytes)) {
        await this.#alive;
        for (let at = 0; at < read;) at += await to.write(bytes.subarray(at, read));
      }
      await to.closeWrite();
    } catch {
      // One end was closed during a read or a write. The other one is closed too.
      close(to);
      close(from);
    }
  }
}

function hangUp({ near, far }: Link): void {
  close(near);
  close(far);
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted)) throw error;
  }
}
