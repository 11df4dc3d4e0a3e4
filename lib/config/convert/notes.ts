/**
 * Notes of a conversion, with their positions in the file. They never contain a value of the file.
 *
 * @module
 */
import { readYaml, type YamlFile } from "../../base/yaml_positions.ts";

/** A file to be converted. */
export interface OldFile {
  /** Path as the operator gave it; the beginning of every line. */
  readonly path: string;
  /** Its content. */
  readonly text: string;
}

/** One line of text, with its position. */
export interface Note {
  readonly file: string;
  /** Line, from 1. */
  readonly line: number;
  /** Column, from 1. */
  readonly column: number;
  readonly text: string;
}

/** Keys that are printed. Any other text in place of a key could be a misplaced secret. */
const tameKey = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

/** A mapping of an old file. Its keys are case-insensitive, as in the original. */
export class OldFields {
  readonly #file: string;
  readonly #yaml: YamlFile;
  readonly #base: readonly string[];
  readonly #fields: ReadonlyMap<string, { readonly key: string; readonly value: unknown }>;
  readonly #unread: Set<string>;
  readonly notes: Note[];

  private constructor(file: string, yaml: YamlFile, base: readonly string[], value: object, notes: Note[]) {
    this.#file = file;
    this.#yaml = yaml;
    this.#base = base;
    this.#fields = new Map(Object.entries(value).map(([key, value]) => [key.toLowerCase(), { key, value }]));
    this.#unread = new Set(this.#fields.keys());
    this.notes = notes;
  }

  /** The root of a file; `undefined` if it is not a mapping, with the reasons in `notes`. */
  static open({ path, text }: OldFile, notes: Note[]): OldFields | undefined {
    const yaml = readYaml(text);
    for (const { position, text } of yaml.problems) notes.push({ file: path, ...position, text });
    if (isMapping(yaml.value)) return new OldFields(path, yaml, [], yaml.value, notes);
    if (yaml.problems.length === 0) notes.push({ file: path, line: 1, column: 1, text: "must be a mapping" });
    return undefined;
  }

  /** Every key of the mapping in its original spelling. */
  names(): readonly string[] {
    return [...this.#fields.values()].map(({ key }) => key);
  }

  /** Whether the field exists; it does not count as read. */
  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  /** A nested mapping; it counts as read. */
  below(name: string): OldFields | undefined {
    const found = this.#take(name);
    if (found === undefined || !isMapping(found.value)) return undefined;
    return new OldFields(this.#file, this.#yaml, [...this.#base, found.key], found.value, this.notes);
  }

  /** A non-empty text. A value of another type is noted. */
  text(name: string): string | undefined {
    const value = this.#take(name)?.value;
    if (typeof value === "number" || typeof value === "string") return `${value}`.trim() || undefined;
    if (value !== undefined && value !== null) this.note(name, "is not carried over: it is no text");
    return undefined;
  }

  /** The value of a boolean field; false if it is missing. */
  flag(name: string): boolean {
    return this.#take(name)?.value === true;
  }

  /** The texts of a list. */
  texts(name: string): readonly string[] {
    const value = this.#take(name)?.value;
    return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string" && one !== "") : [];
  }

  /** Adds a note about a field; it does not repeat the value. */
  note(name: string, text: string): void {
    const key = this.#fields.get(name.toLowerCase())?.key;
    const path = key === undefined ? this.#base : [...this.#base, key];
    // A missing field has the name of the caller, and the position of its parent.
    const where = [...this.#base, key ?? name].filter((segment) => tameKey.test(segment)).join(".");
    this.notes.push({
      file: this.#file,
      ...this.#yaml.position(path),
      text: where === "" ? text : `${where}: ${text}`,
    });
  }

  /** Adds a note for every field that was not read. */
  noteRest(): void {
    for (const name of this.#unread) this.note(name, "is not carried over: nothing here corresponds to it");
  }

  #take(name: string): { readonly key: string; readonly value: unknown } | undefined {
    this.#unread.delete(name.toLowerCase());
    return this.#fields.get(name.toLowerCase());
  }
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
