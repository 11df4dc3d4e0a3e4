/**
 * SIGHUP: applies the reloadable settings of the configuration, and names the changed settings that need a restart.
 *
 * @module
 */
import type { Config, ListenConfig } from "../config/config.ts";
import { toKmsError } from "../base/errors.ts";
import type { Notify } from "../telemetry/events.ts";
import type { Reloads } from "../base/reloads.ts";

/** Options of {@linkcode Reloading}. */
export interface ReloadOptions {
  /** The configuration that the server started with. */
  readonly running: Config;
  /** Reads it again. */
  readonly load: () => Promise<Config>;
  readonly setLevel: (level: Config["telemetry"]["log"]["level"]) => void;
  /** The address of the server's HTTP pages in a configuration; `undefined` for none. */
  readonly listen: (config: Config) => ListenConfig | undefined;
  /** Moves the HTTP pages. It neither throws nor waits for an address in use. */
  readonly setListen: (listen: ListenConfig | undefined) => Promise<void>;
  /** Announced at each reload; holders of credentials subscribe to it. */
  readonly credentials: Reloads;
  readonly notify: Notify;
}

/** Settings that a reload applies. */
const applied: readonly string[] = ["telemetry.log.level", "telemetry.listen", "sops.listen", "keyring.metrics"];

/** Runs reloads one after the other. Several requests during one reload become one more reload. */
export class Reloading {
  readonly #options: ReloadOptions;
  #now: Config;
  #working: Promise<void> | undefined;
  #again = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#now = options.running;
  }

  /** Reads the configuration again, and logs the result in one line. */
  start(): void {
    this.#again = true;
    this.#working ??= this.#work().finally(() => this.#working = undefined);
  }

  /** Resolves when no reload is in progress. */
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
      // The server is stopping; the configuration is not at fault.
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

/** The settings that differ and that a reload does not apply, by their names in the file. */
export function needRestart(running: Config, next: Config): readonly string[] {
  return changes("", running, next).filter((name) => !derived.includes(name) && !applied.includes(name));
}

/** Fields of a configuration that are no settings of the file. */
const derived: readonly string[] = ["file", "hash", "remarks"];

/** Sections whose fields are compared one by one; of all others the section is named. */
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

/** The same code makes both, so their fields have the same order. A secret prints as `[secret]` in both. */
function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function sentence(done: readonly string[], restart: readonly string[]): string {
  const rest = restart.length === 0 ? "" : ` Changed, and taken up by a restart only: ${restart.join(", ")}.`;
  return `Read the configuration again: ${done.join(", ")}.${rest}`;
}
