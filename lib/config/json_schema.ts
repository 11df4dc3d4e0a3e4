/**
 * The schema for editors. Load this lazily: nothing else needs it.
 *
 * @module
 */
import * as z from "zod/mini";
import { configSchema } from "./schema.ts";

/**
 * JSON Schema (draft 2020-12) of what an operator writes. What only the loader can tell (files, names that are used
 * twice, a quorum larger than the number of providers) is not in it.
 */
export function configJsonSchema(): object {
  return {
    title: "Trousseau configuration",
    ...z.toJSONSchema(configSchema, { io: "input", target: "draft-2020-12" }),
  };
}
