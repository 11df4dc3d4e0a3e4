import { equal, match, ok } from "node:assert/strict";
import { configSchema } from "../../config/schema.ts";
import { configJsonSchema } from "../../config/json_schema.ts";
import { commands } from "./commands.ts";
import { configHelp } from "./help_config.ts";

/** All descriptions of fields in a schema. Lists of texts and alternative forms of one value count as one field. */
function descriptions(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => {
    if (key === "description" && typeof value === "string") return [value];
    if (key === "anyOf" || (key === "items" && value.properties === undefined && value.oneOf === undefined)) return [];
    return descriptions(value);
  });
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

Deno.test("configHelp() contains every field of the root, with its description, and deeper ones on their own page", () => {
  const text = configHelp([], commands, 92);
  for (const name of Object.keys(configSchema.def.shape)) match(text, new RegExp(`^  ${name} `, "m"));
  const { properties } = configJsonSchema() as { properties: Record<string, unknown> };
  for (const name of ["socket", "cache", "outage", "telemetry", "sops"]) {
    const found = descriptions(properties[name]);
    ok(found.length > 1, name);
    // Fields of the third level are on the page of their section.
    const shown = flat(text) + flat(configHelp([name], commands, 92));
    for (const description of found) ok(shown.includes(flat(description)), `${name}: ${description}`);
  }
});

Deno.test("configHelp() has a page for every kind of provider, with all of its fields", () => {
  const { properties } = configJsonSchema() as {
    properties: { providers: { items: { oneOf: { properties: Record<string, { const?: string }> }[] } } };
  };
  const arms = properties.providers.items.oneOf;
  ok(arms.length >= 6);
  for (const arm of arms) {
    const kind = arm.properties["kind"]?.const ?? "";
    const text = configHelp([kind], commands, 92);
    match(configHelp([], commands, 92), new RegExp(`^  ${kind} `, "m"));
    for (const description of descriptions(arm)) ok(flat(text).includes(flat(description)), `${kind}: ${description}`);
    for (const name of Object.keys(arm.properties)) match(text, new RegExp(`^  ${name} `, "m"));
  }
});

Deno.test("configHelp() refers to the schema, the examples and the check, which exist", async () => {
  const text = configHelp([], commands, 92);
  match(text, /^ {2}trousseau config schema /m);
  match(text, /^ {2}trousseau check --config FILE /m);
  match(text, /^ {2}deploy\/config\/\*\.yaml .*production\.yaml/m);
  equal((await Deno.stat(new URL("../../../deploy/config/production.yaml", import.meta.url))).isFile, true);
});
