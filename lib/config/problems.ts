/**
 * What is wrong with a config, collected until all of it is known.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";
import type { FieldPath, Position } from "./positions.ts";

/** More lines than this help nobody. */
const maxLines = 50;

/** Keys that may be repeated: what else stands where a key should be may be a secret at the wrong place. */
const tameKey = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

interface Problem extends Position {
  readonly text: string;
}

/** All problems of one file. No value of the file ever gets into it. */
export class Problems {
  readonly #file: string;
  readonly #positionOf: (path: FieldPath) => Position;
  readonly #found: Problem[] = [];
  readonly #remarks: string[] = [];

  /** @param file as the operator named it: it begins every line. */
  constructor(file: string, positionOf: (path: FieldPath) => Position) {
    this.#file = file;
    this.#positionOf = positionOf;
  }

  /** Something wrong with a field. */
  at(path: FieldPath, text: string): void {
    const where = pathText(path);
    this.#found.push({ ...this.#positionOf(path), text: where === "" ? text : `${where}: ${text}` });
  }

  /** A key that is not known, reported at the key itself. */
  atKey(parent: FieldPath, key: string, text: string): void {
    const position = this.#positionOf([...parent, key]);
    // In `auth` a slip of the keys can leave the secret itself where a key belongs.
    const where = pathText(tameKey.test(key) && !parent.includes("auth") ? [...parent, key] : parent);
    this.#found.push({ ...position, text: where === "" ? text : `${where}: ${text}` });
  }

  /** Something to be warned of, which is no reason not to go on: a whole sentence. */
  remark(sentence: string): void {
    if (!this.#remarks.includes(sentence)) this.#remarks.push(sentence);
  }

  /** All remarks so far. */
  get remarks(): readonly string[] {
    return this.#remarks;
  }

  /** Something wrong with the YAML itself. */
  atPosition(position: Position, text: string): void {
    this.#found.push({ ...position, text });
  }

  /** @throws {KmsError} as {@linkcode Problems.fail}, unless nothing was found. */
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

/** `providers[1].auth.secretId`. */
export function pathText(path: FieldPath): string {
  return path.map((segment) => typeof segment === "number" ? `[${segment}]` : `.${segment}`).join("").replace(
    /^\./,
    "",
  );
}
