/**
 * The fields of the configuration for the documents: the part of `docs/configuration.md` between two markers is made from
 * the schema; the text before it is written by hand.
 *
 * @module
 */
import { join } from "node:path";
import { configJsonSchema } from "../../lib/config/json_schema.ts";
import { configExamples } from "./configuration_examples.ts";

/** The keywords of a JSON Schema that are read. */
interface Schema {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

/** A row of a table: field, value, default, meaning. */
type Row = readonly [field: string, value: string, preset: string, meaning: string];

const page = "docs/configuration.md";
const [begin, end] = ["<!-- Written by `deno task docs:configuration`: -->", "<!-- to here. -->"];

/** The fields whose kinds have sections of their own. */
const ofProviders: readonly string[] = ["providers", "retired"];

/** The page with its generated part made anew. @throws if it lacks a marker. */
export function withFields(text: string): string {
  const [before, rest] = [text.indexOf(begin), text.indexOf(end)];
  if (before < 0 || rest < before) throw new Error(`${page} lacks ${begin} or, behind it, ${end}`);
  return `${text.slice(0, before + begin.length)}\n\n${fieldSections()}\n\n${text.slice(rest)}`;
}

/** The tables of all fields, in Markdown. */
export function fieldSections(): string {
  const root: Schema = configJsonSchema();
  const { properties = {} } = root;
  const sections = Object.entries(properties).filter(([name, field]) =>
    isSection(field) && !ofProviders.includes(name)
  );
  return [
    "## All fields",
    "",
    ...table(Object.entries(properties).map(([name, field]) => rootRow(name, field, root))),
    ...sections.flatMap(([name, field]) => ["", `### ${name}`, "", ...table(below(name, field))]),
    "",
    "## Kinds of provider",
    ...kindsOf(properties["providers"] ?? {}).flatMap(([kind, schema]) => [
      "",
      `### ${kind}`,
      "",
      schema.description ?? "",
      "",
      "```yaml",
      configExamples[kind] ?? "",
      "```",
      "",
      ...table(below("", schema)),
    ]),
  ].join("\n");
}

/** Each kind with the schema of its provider. */
function kindsOf({ items }: Schema): readonly (readonly [kind: string, schema: Schema])[] {
  return (items?.oneOf ?? []).map((schema) => [String(schema.properties?.["kind"]?.const), schema]);
}

function isSection({ properties, items, oneOf }: Schema): boolean {
  return [properties, oneOf, items?.properties, items?.oneOf].some((part) => part !== undefined);
}

/** The row of a field of the root, with a link to its section. */
function rootRow(name: string, field: Schema, root: Schema): Row {
  const [, ...rest] = rowOf(name, field, root);
  if (!isSection(field)) return [code(name), ...rest];
  return [`[${code(name)}](#${ofProviders.includes(name) ? "kinds-of-provider" : name.toLowerCase()})`, ...rest];
}

/** The rows of what stands below a field. */
function below(path: string, field: Schema): readonly Row[] {
  const { properties, items, oneOf } = field;
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, inner]) => {
      const place = path === "" ? name : `${path}.${name}`;
      return [rowOf(place, inner, field), ...below(place, inner)];
    });
  }
  if (oneOf !== undefined) return oneOf.flatMap((way) => wayRows(path, way));
  return items === undefined ? [] : below(`${path}[]`, items);
}

/** The rows of one of several mappings, which its first field tells from the others. */
function wayRows(path: string, way: Schema): readonly Row[] {
  const [tag, ...rest] = Object.entries(way.properties ?? {});
  if (tag === undefined) return [];
  const [name, field] = tag;
  const meaning = [field.description, way.description].filter((text) => text !== undefined).join(" ");
  return [
    [`**${code(`${path}.${name}: ${String(field.const)}`)}**`, "", "", cell(meaning)],
    ...below(path, { ...way, properties: Object.fromEntries(rest) }),
  ];
}

function rowOf(place: string, field: Schema, { required = [] }: Schema): Row {
  const name = place.slice(place.lastIndexOf(".") + 1);
  const text = [field.description, field.items?.properties === undefined ? undefined : field.items.description]
    .filter((one) => one !== undefined).join(" ");
  const [, range] = / A duration (from \S+ to \S+)\.$/.exec(text) ?? [];
  const unranged = range === undefined ? text : text.slice(0, text.lastIndexOf(" A duration "));
  const [, told] = /(?:^| )Default: (.+)\.$/.exec(unranged) ?? [];
  const meaning = told === undefined ? unranged : unranged.slice(0, unranged.lastIndexOf("Default: ")).trimEnd();
  return [
    code(place),
    cell(range === undefined ? valueOf(field) : `${valueOf(field)} ${range}`),
    cell(required.includes(name) ? "required" : presetOf(field) ?? told ?? (field.type === "array" ? "none" : "–")),
    cell(meaning === "" ? "See the column before." : meaning),
  ];
}

/** The kind of value that a field takes. */
function valueOf(field: Schema): string {
  const { title, const: only, enum: words, type, minimum, maximum, items, properties, oneOf } = field;
  if (title !== undefined) return title;
  if (only !== undefined) return code(String(only));
  if (words !== undefined) return words.map((word) => code(String(word))).join(", ");
  if (type === "boolean") return "`true` or `false`";
  if (type === "integer") return `${minimum} to ${maximum}`;
  if (type === "array") return `list of ${countOf(field)}${items?.type === "string" ? wordsOf(items) : "mappings"}`;
  if (properties !== undefined || oneOf !== undefined) return "mapping";
  return type === "object" ? "mapping of texts" : "text";
}

function countOf({ minItems = 0, maxItems }: Schema): string {
  return maxItems === undefined ? "" : `${minItems} to ${maxItems} `;
}

function wordsOf(items: Schema): string {
  return items.enum === undefined ? (items.title === undefined ? "texts" : `values (${items.title})`) : valueOf(items);
}

/** The default; `undefined` where the schema has none or one that is a section with defaults of its own. */
function presetOf({ default: preset, type }: Schema): string | undefined {
  if (preset === undefined || preset === null) return undefined;
  if (typeof preset !== "object") return preset === "" ? "empty" : code(String(preset));
  if (Array.isArray(preset)) return preset.length === 0 ? "none" : code(JSON.stringify(preset));
  return type === "object" && Object.keys(preset).length > 0 ? code(JSON.stringify(preset)) : undefined;
}

function table(rows: readonly Row[]): readonly string[] {
  return [
    "| Field | Value | Default | Meaning |",
    "| --- | --- | --- | --- |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) {
  const path = join(new URL("../..", import.meta.url).pathname, page);
  await Deno.writeTextFile(path, withFields(await Deno.readTextFile(path)));
}
