/**
 * Adds the field `anchor` to warnings and errors of a log: the row of `docs/errors.md` with cause and cure.
 *
 * The table is loaded at the first such entry, since a log of a healthy service needs none. Entries wait for it in
 * order.
 *
 * @module
 */
import type { Fields, Logger, LogLevel } from "./log.ts";

/** The anchor of a sentence; `undefined` if it has none. */
type AnchorLookup = (sentence: string) => string | undefined;

/** Loads the table. */
type LoadAnchors = () => Promise<AnchorLookup>;

/** Maximum number of entries that wait for the table. Beyond it they are written without the field. */
const maxWaiting = 1_000;

const none: AnchorLookup = () => undefined;

const loadTable: LoadAnchors = async () => (await import("../base/error_anchors.ts")).anchorOf;

/** A logger over another one. Closing it waits for the entries that wait for the table. */
export class AnchoredLog implements Logger, AsyncDisposable {
  readonly #logger: Logger;
  readonly #load: LoadAnchors;
  #lookup: AnchorLookup | undefined;
  #loading: Promise<void> | undefined;
  #waiting: (readonly [level: LogLevel, sentence: string, fields: Fields])[] = [];

  /** @param load is the product's table if left out. */
  constructor(logger: Logger, load: LoadAnchors = loadTable) {
    this.#logger = logger;
    this.#load = load;
  }

  enabled(level: LogLevel): boolean {
    return this.#logger.enabled(level);
  }

  setLevel(level: LogLevel): void {
    this.#logger.setLevel(level);
  }

  log(level: LogLevel, sentence: string, fields: Fields = {}): void {
    if (!this.enabled(level)) return;
    if (isFailure(level)) this.#loading ??= this.#loadTable();
    if (this.#loading === undefined || this.#lookup !== undefined) return this.#write(level, sentence, fields);
    this.#waiting.push([level, sentence, fields]);
    if (this.#waiting.length >= maxWaiting) this.#release(none);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loading;
  }

  async #loadTable(): Promise<void> {
    // An entry without the field is better than none.
    const lookup = await this.#load().catch(() => none);
    this.#release(lookup);
    this.#lookup = lookup;
  }

  #release(lookup: AnchorLookup): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const entry of waiting) this.#write(...entry, lookup);
  }

  #write(level: LogLevel, sentence: string, fields: Fields, lookup: AnchorLookup = this.#lookup ?? none): void {
    this.#logger.log(level, sentence, isFailure(level) ? { ...fields, anchor: lookup(sentence) } : fields);
  }
}

function isFailure(level: LogLevel): boolean {
  return level === "warn" || level === "error";
}
