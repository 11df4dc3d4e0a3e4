import assert from "node:assert/strict";
import { parse } from "yaml";
import { fromJSONSchema } from "zod";
import { configJsonSchema } from "./json_schema.ts";

type Json = Readonly<Record<string, unknown>>;

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

/** All subschemas of `properties` with their paths. */
function* fields(schema: unknown, path = ""): Generator<readonly [path: string, schema: Json]> {
  if (!isJson(schema)) return;
  for (const [key, inner] of Object.entries(schema)) {
    if (key === "properties" && isJson(inner)) {
      for (const [name, field] of Object.entries(inner)) {
        if (isJson(field)) yield [`${path}.${name}`, field];
        yield* fields(field, `${path}.${name}`);
      }
    } else yield* fields(inner, path);
  }
}

Deno.test("configJsonSchema() describes every field in a sentence", () => {
  const all = [...fields(configJsonSchema())];
  assert.ok(all.length > 60, `${all.length}`);
  for (const [path, { description }] of all) {
    assert.ok(typeof description === "string" && /^[A-Z$].*\.$/.test(description), `${path}: ${description}`);
  }
});

Deno.test("configJsonSchema() permits no unknown key anywhere", () => {
  const open = [...fields({ properties: { root: configJsonSchema() } })]
    .filter(([, field]) => field["type"] === "object" && field["additionalProperties"] !== false)
    .filter(([, field]) => !isMappingOfTexts(field["additionalProperties"]));
  assert.deepEqual(open, []);
});

/** Whether a mapping has arbitrary keys, as an encryption context. */
function isMappingOfTexts(values: unknown): boolean {
  return isJson(values) && values["type"] === "string";
}

Deno.test("configJsonSchema() names its dialect", () => {
  assert.equal(Reflect.get(configJsonSchema(), "$schema"), "https://json-schema.org/draft/2020-12/schema");
});

Deno.test("configJsonSchema() accepts the example configs, and rejects them with a mistake", async () => {
  const schema = fromJSONSchema({ ...configJsonSchema() });
  const folder = new URL("../../deploy/config/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".yaml"));
  assert.ok(names.length >= 3);
  for (const name of names) {
    const value: unknown = parse(await Deno.readTextFile(new URL(name, folder)));
    assert.deepEqual(schema.safeParse(value).error?.issues ?? [], [], name);
    assert.ok(isJson(value));
    for (const mistake of [{ wrapp: 1 }, { drain: 10 }, { socket: { mode: 600 } }, { providers: [] }]) {
      assert.equal(schema.safeParse({ ...value, ...mistake }).success, false, JSON.stringify(mistake));
    }
  }
});
