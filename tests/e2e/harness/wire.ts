/**
 * The wire before a KMS: it can be cut, and it can go dead while both ends stay connected.
 *
 * It passes bytes and knows nothing of what they say, so that a signature over the address that was called holds.
 *
 * @module
 */
import { freePort } from "../../support/processes.ts";

interface Link {
  readonly near: Deno.TcpConn;
  readonly far: Deno.TcpConn;
}

/** Passes TCP from a port of loopback to another one. */
export class Wire implements AsyncDisposable {
  /** As an origin of plain HTTP. */
  readonly address: string;
  readonly #port = freePort();
  readonly #far: number;
  readonly #links = new Set<Link>();
  readonly #work = new Set<Promise<void>>();
  #listener: Deno.TcpListener | undefined;
  /** Pending while the wire is dead. */
  #alive: Promise<void> = Promise.resolve();
  #revive: () => void = () => {};

  private constructor(origin: string) {
    this.#far = Number(new URL(origin).port);
    this.address = `http://127.0.0.1:${this.#port}`;
  }

  /** Lays one. */
  static to(origin: string): Wire {
    const wire = new Wire(origin);
    wire.mend();
    return wire;
  }

  /** Passes bytes again, those that wait first. */
  mend(): void {
    this.#revive();
    if (this.#listener !== undefined) return;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.#port });
    this.#track(this.#accept(this.#listener));
  }

  /** Cuts what is open and refuses what comes, as a host does whose server is gone. */
  cut(): void {
    this.#revive();
    this.#listener?.close();
    this.#listener = undefined;
    for (const link of this.#links) hangUp(link);
  }

  /** Takes connections and requests, and passes nothing: whoever calls waits. */
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
    // Cut while it was being dialled.
    if (this.#listener === undefined) hangUp(link);
    await Promise.all([this.#pass(near, far), this.#pass(far, near)]);
    hangUp(link);
    this.#links.delete(link);
  }

  /** Until either end is gone. */
  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const bytes = new Uint8Array(16_384);
    try {
      for (let read = await from.read(bytes); read !== null; read = await from.read(bytes)) {
        await this.#alive;
        for (let at = 0; at < read;) at += await to.write(bytes.subarray(at, read));
      }
      await to.closeWrite();
    } catch {
      // An end that is closed under a read or a write: so the other one is closed too.
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
