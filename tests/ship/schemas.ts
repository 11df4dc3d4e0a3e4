/**
 * JSON Schemas for kubeconform, made of the OpenAPI documents of a running API server.
 *
 * @module
 */
import { join } from "node:path";
import type { ApiServer } from "../e2e/harness/api_server.ts";

/** `-schema-location` of a folder that {@link writeSchemas} has filled. */
export function schemaLocation(folder: string): string {
  return join(folder, "{{ .ResourceKind }}{{ .KindSuffix }}.json");
}

type Fields = Readonly<Record<string, unknown>>;

/** Writes one file for each kind of each group and version that the server has. @returns the number of kinds. */
export async function writeSchemas(server: ApiServer, folder: string): Promise<number> {
  const { paths }: { paths: Readonly<Record<string, unknown>> } = JSON.parse(await body(server, "/openapi/v3"));
  const documents = Object.keys(paths).filter((path) => /^(api|apis\/[^/]+)\/v/.test(path));
  const names = new Set<string>();
  for (const path of documents) {
    const { components }: { components?: { schemas?: Fields } } = JSON.parse(await body(server, `/openapi/v3/${path}`));
    const schemas = components?.schemas ?? {};
    for (const [root, kind] of kindsOf(schemas, path)) {
      const name = fileName(kind);
      names.add(name);
      await Deno.writeTextFile(join(folder, name), JSON.stringify(strictSchema(root, schemas)));
    }
  }
  return names.size;
}

async function body(server: ApiServer, path: string): Promise<string> {
  const { status, body } = await server.request("GET", path);
  if (status !== 200) throw new Error(`GET ${path} answered ${status}.`);
  return body;
}

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The kinds of the document's own group and version; it holds those of others, such as DeleteOptions, besides. */
function* kindsOf(schemas: Fields, path: string): Generator<readonly [root: string, kind: Kind]> {
  const [, group = "", version = ""] = /^(?:api|apis\/([^/]+))\/(.+)$/.exec(path) ?? [];
  for (const [root, schema] of Object.entries(schemas)) {
    const kinds =
      (schema as { "x-kubernetes-group-version-kind"?: readonly Kind[] })["x-kubernetes-group-version-kind"];
    const own = kinds?.find((kind) => kind.group === group && kind.version === version);
    if (own !== undefined) yield [root, own];
  }
}

/** As kubeconform names it: of the group only the part before its first dot. */
function fileName({ group, version, kind }: Kind): string {
  const suffix = group === "" ? version : `${group.split(".")[0]}-${version}`;
  return `${kind}-${suffix}.json`.toLowerCase();
}

/** The schema of one kind with those that it refers to; an unknown field is refused. */
function strictSchema(root: string, schemas: Fields): Fields {
  const needed = new Map<string, unknown>();
  const take = (name: string): void => {
    if (needed.has(name)) return;
    needed.set(name, undefined);
    needed.set(name, strict(schemas[name], take));
  };
  take(root);
  return { $ref: `#/components/schemas/${root}`, components: { schemas: Object.fromEntries(needed) } };
}

function strict(schema: unknown, take: (name: string) => void): unknown {
  if (Array.isArray(schema)) return schema.map((item) => strict(item, take));
  if (typeof schema !== "object" || schema === null) return schema;
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(schema)) {
    if (name === "$ref") take(String(value).replace("#/components/schemas/", ""));
    // A default of the server is no part of what is allowed, and "int-or-string" is no format of JSON Schema.
    if (name !== "default" && name !== "format") fields[name] = strict(value, take);
  }
  // `properties` as the name of a field holds schemas too, and has no type beside it.
  const isObject = fields["type"] === "object" && typeof fields["properties"] === "object";
  return isObject && !("additionalProperties" in fields) ? { ...fields, additionalProperties: false } : fields;
}
