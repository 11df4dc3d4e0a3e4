/**
 * What a conversion has to say, at the place in the file that it is about. No value of the file ever gets into it.
 *
 * @module
 */
import { readYaml, type YamlFile } from "../positions.ts";

/** A file that is to be converted. */
export interface OldFile {
  /** As the operator named it: it begins every line. */
  readonly path: string;
  readonly text: string;
}

/** One line, with where it belongs. */
export interface Note {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** Keys that may be repeated: what else stands where a key should be may be a secret at the wrong place. */
const tameKey = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

/** A mapping of an old file, whose keys are found in any spelling of upper and lower case, as the original did. */
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

  /** The root of a file; `undefined` where it is no mapping, with the reasons in `notes`. */
  static open({ path, text }: OldFile, notes: Note[]): OldFields | undefined {
    const yaml = readYaml(text);
    for (const { position, text } of yaml.problems) notes.push({ file: path, ...position, text });
    if (isMapping(yaml.value)) return new OldFields(path, yaml, [], yaml.value, notes);
    if (yaml.problems.length === 0) notes.push({ file: path, line: 1, column: 1, text: "must be a mapping" });
    return undefined;
  }

  /** Every key of the mapping, as it stands there. */
  names(): readonly string[] {
    return [...this.#fields.values()].map(({ key }) => key);
  }

  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  /** A mapping below this one; it counts as read. */
  below(name: string): OldFields | undefined {
    const found = this.#take(name);
    if (found === undefined || !isMapping(found.value)) return undefined;
    return new OldFields(this.#file, this.#yaml, [...this.#base, found.key], found.value, this.notes);
  }

  /** A text that is not empty. Another kind of value is noted. */
  text(name: string): string | undefined {
    const value = this.#take(name)?.value;
    if (typeof value === "number" || typeof value === "string") return `${value}`.trim() || undefined;
    if (value !== undefined && value !== null) this.note(name, "is not carried over: it is no text");
    return undefined;
  }

  flag(name: string): boolean {
    return this.#take(name)?.value === true;
  }

  /** The texts of a list. */
  texts(name: string): readonly string[] {
    const value = this.#take(name)?.value;
    return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string" && one !== "") : [];
  }

  /** A sentence about a field; what it holds is not repeated. */
  note(name: string, text: string): void {
    const key = this.#fields.get(name.toLowerCase())?.key;
    const path = key === undefined ? this.#base : [...this.#base, key];
    // A field that is not there is named as we know it, at the place where it should be.
    const where = [...this.#base, key ?? name].filter((segment) => tameKey.test(segment)).join(".");
    this.notes.push({
      file: this.#file,
      ...this.#yaml.position(path),
      text: where === "" ? text : `${where}: ${text}`,
    });
  }

  /** Notes every field that nobody has asked for. */
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
