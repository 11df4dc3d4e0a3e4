/**
 * The accept loop of a Unix socket.
 *
 * The system may refuse an accept, for instance with EMFILE. `node:net` under Deno 2.9.6 reports no refusal; this loop
 * does, waits, and goes on.
 *
 * @module
 */
import { afterTimeout, backoff } from "../../base/deadline.ts";

/** Milliseconds after a refused accept: the first pause, and the longest. */
const pauses = { first: 20, most: 500 } as const;

/** What an acceptor needs of the world. */
export interface AcceptorOptions<Connection> {
  readonly listener: { accept(): Promise<Connection>; close(): void };
  readonly onConnection: (connection: Connection) => void;
  /** Told of each refusal, with the system's code, for instance `EMFILE`. */
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

  /** Accepts no more. Connections that were accepted stay. */
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
    const callOff = afterTimeout(ms, resolve);
    await Promise.race([promise, this.#closed.promise]);
    callOff();
  }
}

function codeOf(thrown: unknown): string {
  const code: unknown = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" && /^[A-Z0-9]{1,20}$/.test(code) ? code : "unknown";
}
