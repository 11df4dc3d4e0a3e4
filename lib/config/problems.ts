/**
 * Collects the problems of a config, so that all of them are reported at once.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";
import type { FieldPath, Position } from "../base/yaml_positions.ts";

/** Maximum number of lines in a message. */
const maxLines = 50;

/** Keys that are printed. Any other text in place of a key could be a misplaced secret. */
const tameKey = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

interface Problem extends Position {
  readonly text: string;
}

/** All problems of one file. They never contain a value of the file. */
export class Problems {
  readonly #file: string;
  readonly #positionOf: (path: FieldPath) => Position;
  readonly #found: Problem[] = [];
  readonly #remarks: string[] = [];

  /** @param file path as the operator gave it; the beginning of every line. */
  constructor(file: string, positionOf: (path: FieldPath) => Position) {
    this.#file = file;
    this.#positionOf = positionOf;
  }

  /** Adds a problem of a field. */
  at(path: FieldPath, text: string): void {
    const where = pathText(path);
    this.#found.push({ ...this.#positionOf(path), text: where === "" ? text : `${where}: ${text}` });
  }

  /** Adds a problem of an unknown key, with the position of the key. */
  atKey(parent: FieldPath, key: string, text: string): void {
    const position = this.#positionOf([...parent, key]);
    // In `auth`, a syntax mistake can put the secret itself in place of a key.
    const where = pathText(tameKey.test(key) && !parent.includes("auth") ? [...parent, key] : parent);
    this.#found.push({ ...position, text: where === "" ? text : `${where}: ${text}` });
  }

  /**
   * Adds a warning, which does not prevent the use of the config.
   *
   * @param sentence a whole sentence.
   */
  remark(sentence: string): void {
    if (!this.#remarks.includes(sentence)) this.#remarks.push(sentence);
  }

  /** All warnings so far, as whole sentences. */
  get remarks(): readonly string[] {
    return this.#remarks;
  }

  /** Adds a problem of the YAML syntax. */
  atPosition(position: Position, text: string): void {
    this.#found.push({ ...position, text });
  }

  /** @throws {KmsError} as {@linkcode Problems.fail} if there is any problem. */
  throwIfAny(): void {
    if (this.#found.length > 0) this.fail();
  }

  /** @throws {KmsError} `config`, one line for each problem, in the order of the file. */
  fail(): never {
    const sorted = this.#found.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const all = sorted.map(({ line, column, text }) => `${this.#file}:${line}:${column}: ${text}`);
    const lines = [...new Set(all)];
    const left = lines.length - maxLines;
    throw new KmsError(
      "config",
      [...lines.slice(0, maxLines), ...(left > 0 ? [`${this.#file}: and ${left} more`] : [])].join("\n"),
    );
  }
}

/** A path in the form `providers[1].auth.secretId`. */
export function pathText(path: FieldPath): string {
  return path.map((segment) => typeof segment === "number" ? `[${segment}]` : `.${segment}`).join("").replace(
    /^\./,
    "",
  );
}
