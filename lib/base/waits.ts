/**
 * Which server a call waits for, so that a deadline's sentence can name it.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";

/** A request that has no answer yet. */
interface Wait {
  readonly server: string;
  readonly since: number;
  connected: boolean;
}

/** One request's own part of {@linkcode Waits}. */
export interface OpenWait {
  /** Notes that there is a connection: from here on a missing answer is the server's fault, not the network's. */
  connected(): void;
  /** The words for a server that has been silent until now: see {@linkcode Waits.silent}. */
  silence(): string;
  end(): void;
}

/** The requests of one provider that wait for an answer. */
export class Waits {
  readonly #clock: Clock;
  readonly #open = new Set<Wait>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** @param server its name and address, as in `Vault at https://vault.example:8200`. */
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
   * The server that a call has waited for, such as `Vault at https://vault.example:8200 did not answer within 2.9 s`.
   *
   * @param ms how long the call took; a request that has waited for less than a quarter of that did not hold it up.
   */
  silent(ms: number): string | undefined {
    // A set keeps the order of insertion, and the clock is monotonic: the first request is the oldest.
    const [longest] = this.#open;
    return longest === undefined || this.#clock.now() - longest.since < ms / 4 ? undefined : this.#words(longest);
  }

  #words({ server, since, connected }: Wait): string {
    const silence = `${server} did not answer within ${seconds(this.#clock.now() - since)}`;
    return connected ? silence : `${silence}: there is no connection yet; look at the address, routes and firewalls`;
  }
}

/** Milliseconds in words: `2.9 s`, `10 s`. */
export function seconds(ms: number): string {
  return `${Math.max(0.1, Math.round(ms / 100) / 10)} s`;
}
