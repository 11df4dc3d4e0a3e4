/**
 * The OpenAPI 3.1 document, made of the table of routes and the schemas that validate.
 *
 * @module
 */
import * as z from "zod/mini";
import * as common from "../../../api/keyring/common_schemas.ts";
import * as generators from "../../../api/keyring/generators.ts";
import * as identity from "../../../api/keyring/identity_schemas.ts";
import { problems } from "../../../api/keyring/problems.ts";
import type { RouteRow } from "../../../api/keyring/route.ts";
import { apiPrefix, routes } from "../../../api/keyring/routes.ts";
import * as secret from "../../../api/keyring/secret_schemas.ts";
import * as system from "../../../api/keyring/system_schemas.ts";
import * as upkeep from "../../../api/keyring/upkeep_schemas.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** The schemas that are components: bodies and answers, by the names of their constants in capitals. */
function componentSchemas(): ReadonlyMap<z.core.$ZodType, string> {
  const named: [z.core.$ZodType, string][] = [
    [common.problemDocument, "Problem"],
    [generators.generatorSchema, "Generator"],
  ];
  for (const module of [secret, identity, system, upkeep]) {
    for (const [name, value] of Object.entries(module)) {
      if (/(Request|Answer|Event)$/.test(name) && value instanceof z.ZodMiniType) {
        named.push([value, `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`]);
      }
    }
  }
  return new Map(named);
}

/** The document as JSON, with two spaces of indentation and a line break at the end. @param version of the program. */
export function openApiText(version: string): string {
  return `${JSON.stringify(openApiDocument(version), undefined, 2)}\n`;
}

function openApiDocument(version: string): JsonObject {
  const names = componentSchemas();
  return {
    openapi: "3.1.0",
    info: {
      title: "Trousseau keyring",
      version,
      description: "The native API of trousseaud, over Unix sockets and TLS 1.3. A parameter that is called path or " +
        "folder contains slashes: encode each segment, and leave the slashes between them as they are.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { certificate: [] }],
    paths: paths(names),
    components: {
      schemas: schemasOf(names),
      responses: { Problem: failureResponse() },
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A token of `login` or `tokens`." },
        certificate: { type: "mutualTLS", description: "A client certificate of `enrol`." },
      },
    },
  };
}

function schemasOf(names: ReadonlyMap<z.core.$ZodType, string>): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    uri: (id) => `#/components/schemas/${id}`,
    unrepresentable: "any",
  });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutIds(schema)]));
}

/** `$schema` and `$id` belong to documents of their own. */
function withoutIds(schema: object): object {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== "$schema" && key !== "$id"));
}

function paths(names: ReadonlyMap<z.core.$ZodType, string>): JsonObject {
  const found: Record<string, Record<string, unknown>> = {};
  for (const [id, row] of Object.entries(routes) as [string, RouteRow][]) {
    const path = `${apiPrefix}${row.path}`;
    found[path] = { ...found[path], [row.method.toLowerCase()]: operationOf(id, row, names) };
  }
  return found;
}

function operationOf(operationId: string, row: RouteRow, names: ReadonlyMap<z.core.$ZodType, string>): JsonObject {
  return {
    operationId,
    summary: row.summary,
    description: `Verb of the policy: ${row.verb}.`,
    ...(row.verb === "none" ? { security: [] } : {}),
    parameters: [...pathParameters(row.path), ...queryParametersOf(row.query), ...headerParameters(row)],
    ...(row.body === undefined ? {} : { requestBody: { required: true, content: jsonContent(row.body, names) } }),
    responses: { [row.status]: successOf(row, names), default: { $ref: "#/components/responses/Problem" } },
  };
}

function pathParameters(template: string): readonly JsonObject[] {
  const [, name] = /\{(\w+)\}$/.exec(template) ?? [];
  return name === undefined ? [] : [{ name, in: "path", required: true, schema: { type: "string" } }];
}

function queryParametersOf(query: z.ZodMiniType | undefined): readonly JsonObject[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: "input" });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function headerParameters({ ifMatch, idempotent }: RouteRow): readonly JsonObject[] {
  const header = (name: string, description: string) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  return [
    ...(ifMatch ? [header("If-Match", 'The version that must be the current one, in quotes, such as "3".')] : []),
    ...(idempotent ? [header("Idempotency-Key", "A new text for each write; a repeated request is done once.")] : []),
  ];
}

function successOf({ answer, summary, ifMatch }: RouteRow, names: ReadonlyMap<z.core.$ZodType, string>): JsonObject {
  const description = summary;
  const headers = ifMatch === undefined
    ? {}
    : { headers: { ETag: { description: "The version in quotes.", schema: { type: "string" } } } };
  if (answer === "none") return { description };
  if (answer === "octets") return { description, content: { "application/octet-stream": {} } };
  if (answer === "events") return { description, content: { "text/event-stream": { schema: { type: "string" } } } };
  if (answer === "lines") return { description, content: { "application/x-ndjson": { schema: { type: "string" } } } };
  return { description, ...headers, content: jsonContent(answer, names) };
}

function jsonContent(schema: z.core.$ZodType, names: ReadonlyMap<z.core.$ZodType, string>): JsonObject {
  return { "application/json": { schema: { $ref: `#/components/schemas/${names.get(schema)}` } } };
}

function failureResponse(): JsonObject {
  return {
    description: `A problem (RFC 9457). ${
      Object.entries(problems).map(([code, { status }]) => `${code}: ${status}`).join(", ")
    }.`,
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}
