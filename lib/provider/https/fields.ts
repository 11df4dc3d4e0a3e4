/**
 * Reading parsed JSON of which nothing is known yet.
 *
 * @module
 */

/** A field of a JSON object; `undefined` where it is missing or null, or where there is no object. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value ?? undefined;
}
