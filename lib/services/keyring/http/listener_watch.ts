/**
 * Checks that a TCP port of ours answers, and has it bound again if it does not: see `node_server.ts`.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { deadlineBy } from "../../../base/clock.ts";
import { orAborted } from "../../../base/deadline.ts";

/** Milliseconds. */
const times = { every: 2_000, patience: 1_000, dead: 30_000 } as const;

/** Consecutive failed checks after which the port is bound again. A single one can be an accident. */
const maxUnanswered = 2;

/** Options of a watch. */
export interface ListenerWatchOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Binds the port again. */
  readonly rebind: () => Promise<void>;
  readonly onWatch: (sentence: string) => void;
}

/** Watches one port until it is stopped. */
export class ListenerWatch {
  readonly #options: ListenerWatchOptions;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  #answeredAt: number;
  #unanswered = 0;

  constructor(options: ListenerWatchOptions) {
    this.#options = options;
    this.#answeredAt = options.clock.now();
    this.#watching = this.#watch();
  }

  /** The reason why the port counts as dead, in one sentence; `""` if it does not. */
  complaint(): string {
    const { clock, port } = this.#options;
    const ms = clock.now() - this.#answeredAt;
    return ms < times.dead ? "" : `The port ${port} has not answered for ${Math.round(ms / 1_000)} seconds.`;
  }

  /** Ends the watch. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      await clock.sleep(this.#unanswered === 0 ? times.every : 0, signal);
      if (signal.aborted) return;
      if (await this.#answers()) this.#note();
      else if (!signal.aborted && ++this.#unanswered >= maxUnanswered) await this.#rebind();
    }
  }

  #note(): void {
    if (this.#unanswered >= maxUnanswered) this.#options.onWatch(`The port ${this.#options.port} answers again.`);
    this.#unanswered = 0;
    this.#answeredAt = this.#options.clock.now();
  }

  async #rebind(): Promise<void> {
    if (this.#unanswered === maxUnanswered) {
      this.#options.onWatch(`The port ${this.#options.port} does not answer, and is bound again.`);
    }
    try {
      await this.#options.rebind();
    } catch {
      // The next turn tries again; `complaint` says that the port is silent.
      await this.#options.clock.sleep(times.every, this.#stop.signal);
    }
  }

  /** Whether the server ends a connection whose first bytes are no TLS: then it has accepted it. */
  async #answers(): Promise<boolean> {
    const { host, port, clock } = this.#options;
    using time = deadlineBy(clock, times.patience, this.#stop.signal);
    const hostname = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
    const connecting = Deno.connect({ hostname, port });
    try {
      const connection = await orAborted(connecting, time.signal, "connect");
      try {
        return await orAborted(isEnded(connection), time.signal, "wait");
      } finally {
        connection.close();
      }
    } catch {
      connecting.then((late) => closeQuietly(late), () => {});
      return false;
    }
  }
}

async function isEnded(connection: Deno.TcpConn): Promise<boolean> {
  try {
    await connection.write(new TextEncoder().encode("\r\n\r\n"));
    while (await connection.read(new Uint8Array(64)) !== null);
  } catch (thrown) {
    // A reset comes from the server as well.
    return thrown instanceof Deno.errors.ConnectionReset || thrown instanceof Deno.errors.BrokenPipe;
  }
  return true;
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
