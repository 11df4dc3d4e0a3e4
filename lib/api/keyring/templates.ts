/**
 * Templates of files: text with references `{{ PATH#FIELD }}` and `{{ PATH#FIELD | FILTER }}`. There is no other syntax, so
 * that a template cannot compute anything.
 *
 * @module
 */
import { exactText } from "../../base/bytes.ts";
import { didYouMean } from "../../base/nearest.ts";
import { fieldNamePattern, type SecretField } from "./fields.ts";
import { type SecretPath, secretPath } from "./paths.ts";
import { KeyringError } from "./problems.ts";
import { filteredValue, type TemplateFilter, templateFilters } from "./template_filters.ts";

/** A reference to a field. */
export interface TemplateReference {
  readonly path: SecretPath;
  readonly field: string;
  /** Absent if the value is inserted as it is. */
  readonly filter?: TemplateFilter;
  /** Line and column of its `{{`, from 1; a column is a character. */
  readonly line: number;
  readonly column: number;
}

/** A parsed template. */
export interface Template {
  /** The name of its file, for messages. */
  readonly name: string;
  readonly parts: readonly (string | TemplateReference)[];
  /** The secrets that it refers to, each once, in the order of the template. */
  readonly paths: readonly SecretPath[];
}

/**
 * Parses a template.
 *
 * @param name of its file, for messages.
 * @throws {KeyringError} `request_invalid` with `NAME:LINE:COLUMN` of the first mistake.
 */
export function parseTemplate(text: string, name: string): Template {
  const parts: (string | TemplateReference)[] = [];
  let from = 0;
  for (let begin = text.indexOf("{{"); begin >= 0; begin = text.indexOf("{{", from)) {
    const place = placeOf(text, begin);
    const end = text.indexOf("}}", begin + 2);
    const line = text.slice(begin + 2).split("\n", 1)[0] ?? "";
    if (end < 0 || end - begin - 2 > line.length) throw mistake(name, place, '"{{" has no "}}" in its line');
    if (begin > from) parts.push(text.slice(from, begin));
    parts.push({ ...reference(text.slice(begin + 2, end), name, place), ...place });
    from = end + 2;
  }
  if (from < text.length) parts.push(text.slice(from));
  const paths = parts.flatMap((part) => typeof part === "string" ? [] : [part.path]);
  return { name, parts, paths: [...new Set(paths)] };
}

/**
 * Fills in the values.
 *
 * @param fieldsOf the fields of a secret of `template.paths`; `undefined` if it does not exist.
 * @throws {KeyringError} `request_invalid` with the place of a reference whose field does not exist, or whose value the
 *   filter cannot write. No text of a value stands in it.
 */
export function renderTemplate(
  { name, parts }: Template,
  fieldsOf: (path: SecretPath) => readonly SecretField[] | undefined,
): string {
  return parts.map((part) => typeof part === "string" ? part : rendered(name, part, fieldsOf(part.path))).join("");
}

interface Place {
  readonly line: number;
  readonly column: number;
}

function rendered(name: string, part: TemplateReference, fields: readonly SecretField[] | undefined): string {
  const { path, field: wanted, filter } = part;
  if (fields === undefined) throw mistake(name, part, `${JSON.stringify(path)} does not exist`);
  const field = fields.find((one) => one.name === wanted);
  if (field === undefined) {
    const hint = didYouMean(wanted, fields.map((one) => one.name));
    throw mistake(name, part, `${JSON.stringify(path)} has no field ${JSON.stringify(wanted)}`, hint);
  }
  const value = filter === undefined ? exactText(field.value) : filteredValue(filter, field);
  if (value !== undefined) return value;
  const shown = JSON.stringify(`${path}#${wanted}`);
  if (filter === undefined) throw mistake(name, part, `the value of ${shown} is no text; add the filter base64`);
  throw mistake(
    name,
    part,
    `the value of ${shown} cannot be written by the filter ${filter}, which ${templateFilters[filter]}`,
  );
}

/** A path may contain every character of a reference but the end of it; a field and a filter contain none of them. */
const referencePattern = /^(.*)#([^#|]*?)(?:\s*\|\s*([^#|]*?))?$/;

function reference(text: string, name: string, place: Place): Omit<TemplateReference, "line" | "column"> {
  if (text.includes("{{")) throw mistake(name, place, '"{{" stands twice before "}}"');
  const [, path = "", field = "", filter] = referencePattern.exec(text.trim()) ?? [];
  if (path === "") {
    throw mistake(name, place, "there is no reference; write {{ PATH#FIELD }}, with a filter behind a bar");
  }
  if (!fieldNamePattern.test(field)) throw mistake(name, place, `${JSON.stringify(field)} is no name of a field`);
  if (filter !== undefined && !isFilter(filter)) {
    const hint = didYouMean(filter, Object.keys(templateFilters));
    throw mistake(name, place, `there is no filter ${JSON.stringify(filter)}`, hint);
  }
  return { path: checkedPath(path, name, place), field, ...(filter === undefined ? {} : { filter }) };
}

function isFilter(word: string): word is TemplateFilter {
  return Object.hasOwn(templateFilters, word);
}

function checkedPath(path: string, name: string, place: Place): SecretPath {
  try {
    return secretPath(path);
  } catch (thrown) {
    if (thrown instanceof KeyringError) {
      throw new KeyringError("request_invalid", `${at(name, place)}: ${thrown.message}`);
    }
    throw thrown;
  }
}

function placeOf(text: string, index: number): Place {
  const before = text.slice(0, index).split("\n");
  return { line: before.length, column: [...before.at(-1) ?? ""].length + 1 };
}

function at(name: string, { line, column }: Place): string {
  return `${name}:${line}:${column}`;
}

function mistake(name: string, place: Place, why: string, hint = ""): KeyringError {
  return new KeyringError("request_invalid", `${at(name, place)}: ${why}.${hint}`);
}
