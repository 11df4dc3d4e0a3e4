/**
 * The files that are made of the OpenAPI document: `docs/openapi.json`, and the types of a client for its test.
 *
 * @module
 */
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";
import { version } from "../../lib/base/version.ts";
import { openApiText } from "../../lib/services/keyring/http/openapi.ts";

const root = new URL("../..", import.meta.url).pathname;

/** The content of each file by its path from the root. */
export async function openApiFiles(): Promise<ReadonlyMap<string, string>> {
  const document = openApiText(version);
  const types = astToString(await openapiTS(JSON.parse(document), { defaultNonNullable: false }));
  return new Map([
    ["docs/openapi.json", document],
    ["tests/keyring/openapi_types.ts", `// deno-lint-ignore-file\n// Made by deno task docs:openapi.\n${types}`],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await openApiFiles()) await Deno.writeTextFile(join(root, path), text);
}
