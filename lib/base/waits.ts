/**
 * Records which server a call waits for, so that the error for a missed deadline can name it.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";

/** A request without a response so far. */
interface Wait {
  readonly server: string;
  readonly since: number;
  connected: boolean;
}

/** One request in {@linkcode Waits}. */
export interface OpenWait {
  /** Records that a connection exists. From then on a missing response is the server's fault, not the network's. */
  connected(): void;
  /** The sentence for a server without a response so far: see {@linkcode Waits.silent}. */
  silence(): string;
  /** Ends the wait, with or without a response. */
  end(): void;
}

/** The pending requests of one provider. */
export class Waits {
  readonly #clock: Clock;
  readonly #open = new Set<Wait>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Starts the wait for a response. @param server name and address, as in `Vault at https://vault.example:8200` */
  begin(server: string): OpenWait {
    const wait = { server, since: this.#clock.now(), connected: false };
    this.#open.add(wait);
    return {
      connected: () => wait.connected = true,
      silence: () => this.#words(wait),
      end: () => void this.#open.delete(wait),
    };
  }

  /**
   * A sentence about the server that has not answered, as in `Vault at https://vault.example:8200 did not answer within
   * 2.9 s`; `undefined` if no request is the cause.
   *
   * @param ms duration of the call in milliseconds. A request that has waited for less than a quarter of it is not the
   *   cause.
   */
  silent(ms: number): string | undefined {
    // A set keeps the order of insertion and the clock is monotonic, so that the first request is the oldest.
    const [longest] = this.#open;
    return longest === undefined || this.#clock.now() - longest.since < ms / 4 ? undefined : this.#words(longest);
  }

  #words({ server, since, connected }: Wait): string {
    const silence = `${server} did not answer within ${seconds(this.#clock.now() - since)}`;
    return connected ? silence : `${silence}: there is no connection yet; look at the address, routes and firewalls`;
  }
}

/** Milliseconds as text in seconds, as in `2.9 s` or `10 s`; at least `0.1 s`. */
export function seconds(ms: number): string {
  return `${Math.max(0.1, Math.round(ms / 100) / 10)} s`;
}
