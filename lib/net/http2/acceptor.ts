/**
 * The accept loop of a Unix socket.
 *
 * `accept` can fail, for instance with EMFILE. `node:net` under Deno 2.9.6 does not report such failures. This loop
 * reports each one, pauses and continues.
 *
 * @module
 */
import { afterTimeout, backoff } from "../../base/deadline.ts";

/** Shortest and longest pause after a failed `accept`, in milliseconds. */
const pauses = { first: 20, most: 500 } as const;

/** Dependencies of an acceptor. */
export interface AcceptorOptions<Connection> {
  readonly listener: { accept(): Promise<Connection>; close(): void };
  readonly onConnection: (connection: Connection) => void;
  /** Called for each failed `accept` with the system's error code, for instance `EMFILE`. */
  readonly onRefused: (code: string) => void;
}

/** Accepts connections until it is closed. */
export class Acceptor<Connection> {
  readonly #options: AcceptorOptions<Connection>;
  readonly #closed = Promise.withResolvers<void>();
  #open = true;

  constructor(options: AcceptorOptions<Connection>) {
    this.#options = options;
    void this.#accept();
  }

  /** Stops accepting. Accepted connections stay open. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#closed.resolve();
    this.#options.listener.close();
  }

  async #accept(): Promise<void> {
    const { listener, onConnection, onRefused } = this.#options;
    for (let failures = 0; this.#open;) {
      try {
        const connection = await listener.accept();
        failures = 0;
        onConnection(connection);
      } catch (thrown) {
        if (!this.#open) return;
        onRefused(codeOf(thrown));
        await this.#pause(backoff(failures++, pauses.first, pauses.most));
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = afterTimeout(ms, resolve);
    await Promise.race([promise, this.#closed.promise]);
    cancel();
  }
}

function codeOf(thrown: unknown): string {
  const code: unknown = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" && /^[A-Z0-9]{1,20}$/.test(code) ? code : "unknown";
}
