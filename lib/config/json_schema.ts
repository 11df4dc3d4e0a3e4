/**
 * The JSON Schema for editors. It should be loaded lazily, since no other part needs it.
 *
 * @module
 */
import * as z from "zod/mini";
import { configSchema } from "./schema.ts";

/**
 * JSON Schema (draft 2020-12) of the config file. It does not contain the checks that only the loader can make: of
 * files, duplicate names, and a quorum larger than the number of providers.
 */
export function configJsonSchema(): object {
  return {
    title: "Trousseau configuration",
    ...z.toJSONSchema(configSchema, { io: "input", target: "draft-2020-12" }),
  };
}
