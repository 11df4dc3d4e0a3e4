/**
 * The file of `trousseau audit access --baseline`.
 *
 * @module
 */
import * as z from "zod/mini";
import { KmsError } from "../../base/errors.ts";
import type { AccessBaseline } from "../../cluster/access/access_baseline.ts";

const baselineShape = z.object({
  access: z.array(z.object({
    subject: z.string(),
    namespace: z.string(),
    way: z.string(),
    resources: z.array(z.string()),
    verbs: z.array(z.string()),
    names: z.array(z.string()),
  })),
});

/**
 * Reads a report of `trousseau audit access --json`.
 *
 * @throws {KmsError} `config` if it is none.
 */
export function readAccessBaseline(text: string, path: string): AccessBaseline {
  const found = baselineShape.safeParse(parsed(text));
  if (found.success) return found.data.access;
  throw new KmsError("config", `${path} is no report of trousseau audit access --json.`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
