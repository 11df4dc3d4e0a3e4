/**
 * `trousseau help config`: the configuration's fields with their descriptions from the schema.
 *
 * It should be loaded lazily, since no other part needs the JSON Schema.
 *
 * @module
 */
import { configJsonSchema } from "../../config/json_schema.ts";
import { type Command, UsageError } from "../command.ts";
import { printable } from "../terminal.ts";
import { didYouMean } from "../../base/nearest.ts";
import { columns, sections, wrapped } from "../table.ts";

/** The keywords of a JSON Schema that are used. */
interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

/** A part of the configuration with a help page of its own. */
interface Part {
  readonly name: string;
  readonly schema: Schema;
  /** Its path in the file. */
  readonly place: string;
}

/** The text for the whole configuration, or for one of its parts. */
export function configHelp(words: readonly string[], table: readonly Command[], width: number): string {
  const root = configJsonSchema() as Schema;
  const [name, ...more] = words;
  if (name === undefined) return wholeHelp(root, table, width);
  const parts = partsOf(root);
  const found = more.length === 0 ? parts.find((part) => part.name === name) : undefined;
  if (found !== undefined) return partHelp(found, width);
  const shown = printable(words.join(" "));
  throw new UsageError(
    `The configuration has no part "${shown}".${didYouMean(shown, parts.map((part) => part.name))}`,
    "config",
  );
}

function wholeHelp(root: Schema, table: readonly Command[], width: number): string {
  const commands = table.filter(({ name }) => name.startsWith("config "));
  const kinds = kindsOf(root);
  return sections([
    [
      "",
      wrapped(
        `${
          root.description ?? ""
        } One YAML file, the same on all nodes; only providers must be there. A path that is ` +
          "not absolute starts at the file's folder. A secret never stands in it: it is referred to by { file: PATH } " +
          "or { variable: NAME }.",
        width,
      ),
    ],
    ["Fields", columns(fieldRows(root), width)],
    ["Kinds of provider", columns(kinds.map(({ name, schema }) => [name, descriptionOf(schema)]), width)],
    [
      "More",
      columns([
        ["trousseau help config PART", "one field or one kind of provider with all it may hold"],
        ...commands.map(({ name, summary }) => [`trousseau ${name}`, summary] as const),
        ["trousseau check --config FILE", "whether a file is right, and its providers answer"],
        ["deploy/config/*.yaml", "examples, in the source: production.yaml has every setting with its reason"],
      ], width),
    ],
  ]);
}

function partHelp({ schema, place }: Part, width: number): string {
  return sections([
    ["", wrapped(`${place}: ${descriptionOf(schema)}`, width)],
    ...(schema.properties === undefined ? [] : [["Fields", columns(fieldRows(schema, 4), width)] as const]),
  ]);
}

function descriptionOf({ description, properties }: Schema): string {
  return description ?? properties?.["kind"]?.description ?? "";
}

/** A row for each field, followed by those of its subsections. */
function fieldRows(
  { properties = {}, required = [] }: Schema,
  deepest = 3,
  depth = 0,
): readonly (readonly [string, string])[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const label = `${"  ".repeat(depth)}${name}`;
    const row = [label, sentence(field, required.includes(name))] as const;
    return [row, ...(depth < deepest ? below(field, deepest, depth + 1) : [])];
  });
}

function below(field: Schema, deepest: number, depth: number): readonly (readonly [string, string])[] {
  if (field.properties !== undefined) return fieldRows(field, deepest, depth);
  const { items, oneOf } = field;
  if (items?.properties !== undefined) return fieldRows(items, deepest, depth);
  // The login methods; the kinds of provider have their own pages.
  return (oneOf ?? []).flatMap((way) => {
    const [tag, ...rest] = Object.entries(way.properties ?? {});
    if (tag === undefined) return [];
    const [name, { const: value, description }] = tag;
    const about = [description, way.description].filter((text) => text !== undefined).join(" ");
    const row = [`${"  ".repeat(depth)}${name}: ${String(value)}`, about] as const;
    return [row, ...fieldRows({ ...way, properties: Object.fromEntries(rest) }, deepest, depth + 1)];
  });
}

function sentence(field: Schema, required: boolean): string {
  const { description = "", default: preset, enum: words, const: only, items } = field;
  const isOpen = typeof preset === "object" && preset !== null;
  return [
    description,
    ...(items?.properties === undefined || items.description === undefined ? [] : [items.description]),
    ...(words === undefined ? [] : [`One of: ${words.join(", ")}.`]),
    ...(only === undefined ? [] : [`It is ${String(only)}.`]),
    ...(preset === undefined || isOpen ? [] : [`Default: ${String(preset)}.`]),
    ...(required ? ["Required."] : []),
  ].join(" ");
}

function kindsOf({ properties = {} }: Schema): readonly Part[] {
  return (properties["providers"]?.items?.oneOf ?? []).flatMap((schema) => {
    const name = schema.properties?.["kind"]?.const;
    return typeof name === "string" ? [{ name, schema, place: `providers[].kind ${name}` }] : [];
  });
}

function partsOf(root: Schema): readonly Part[] {
  const fields = Object.entries(root.properties ?? {}).map(([name, schema]) => ({ name, schema, place: name }));
  return [...fields, ...kindsOf(root)];
}
