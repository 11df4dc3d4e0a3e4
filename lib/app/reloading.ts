/**
 * SIGHUP: what a server takes up from its configuration while it runs, and what it says of the rest.
 *
 * @module
 */
import type { Config, ListenConfig } from "../config/config.ts";
import { toKmsError } from "../base/errors.ts";
import type { Notify } from "../telemetry/events.ts";
import type { Reloads } from "../base/reloads.ts";

/** How a configuration is taken up. */
export interface ReloadOptions {
  /** The configuration that the server started with. */
  readonly running: Config;
  /** Reads it again. */
  readonly load: () => Promise<Config>;
  readonly setLevel: (level: Config["telemetry"]["log"]["level"]) => void;
  /** Which address the server's HTTP pages have in a configuration; `undefined` for none. */
  readonly listen: (config: Config) => ListenConfig | undefined;
  /** Moves them. It neither throws nor waits for an address that is taken. */
  readonly setListen: (listen: ListenConfig | undefined) => Promise<void>;
  /** Where those subscribe who hold credentials. */
  readonly credentials: Reloads;
  readonly notify: Notify;
}

/** Settings that are taken up by a reload: they need no restart. */
const applied: readonly string[] = ["telemetry.log.level", "telemetry.listen", "sops.listen"];

/** Reloads one after the other; of several that are asked for meanwhile, one. */
export class Reloading {
  readonly #options: ReloadOptions;
  #now: Config;
  #working: Promise<void> | undefined;
  #again = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#now = options.running;
  }

  /** Reads the configuration again, and says in one line what came of it. */
  start(): void {
    this.#again = true;
    this.#working ??= this.#work().finally(() => this.#working = undefined);
  }

  /** Resolves when nothing is being reloaded any more. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#once();
    }
  }

  async #once(): Promise<void> {
    const { running, load, setLevel, listen, setListen, credentials, notify } = this.#options;
    let next: Config;
    try {
      next = await load();
    } catch (thrown) {
      const failure = toKmsError(thrown);
      // The server stops: nothing is wrong with the configuration.
      if (failure.code === "cancelled") return;
      const why = failure.message.replaceAll("\n", "; ");
      const message = `Cannot read the configuration again; the one in use stays. ${why}`;
      return notify({ type: "lifecycle", action: "warning", message });
    }
    const done = ["credentials"];
    credentials.announce();
    if (next.telemetry.log.level !== this.#now.telemetry.log.level) {
      setLevel(next.telemetry.log.level);
      done.push("telemetry.log.level");
    }
    const address = listen(next);
    if (!same(address, listen(this.#now))) {
      await setListen(address);
      done.push("the address of the HTTP pages");
    }
    this.#now = next;
    notify({ type: "lifecycle", action: "reloaded", message: sentence(done, needRestart(running, next)) });
  }
}

/** The settings that differ and are not taken up by a reload, by their names in the file. */
export function needRestart(running: Config, next: Config): readonly string[] {
  return changes("", running, next).filter((name) => name !== "file" && name !== "remarks" && !applied.includes(name));
}

/** Only these are told apart further than by their section. */
const sections: readonly string[] = ["", "telemetry", "telemetry.log", "sops"];

function changes(at: string, before: unknown, after: unknown): readonly string[] {
  if (same(before, after)) return [];
  if (!sections.includes(at) || !isFields(before) || !isFields(after)) return [at.replace(/Ms$/, "")];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => changes(at === "" ? name : `${at}.${name}`, before[name], after[name]));
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Both come from the same code, so that their fields are in the same order. A secret prints as what it is. */
function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function sentence(done: readonly string[], restart: readonly string[]): string {
  const rest = restart.length === 0 ? "" : ` Changed, and taken up by a restart only: ${restart.join(", ")}.`;
  return `Read the configuration again: ${done.join(", ")}.${rest}`;
}
