/**
 * The shape of the document of a comparison, for those that read it from a file.
 *
 * @module
 */
import assert from "node:assert/strict";
import { z } from "zod";
import type { ComparisonDocument } from "./document.ts";
import { rowNames } from "./rows.ts";

const figure = z.number();
const figures = z.record(z.string(), figure);
const sides = z.strictObject({
  ours: figures,
  base: figures.optional(),
  floor: figures.optional(),
  peer: figures.optional(),
});
const bound = z.union([z.strictObject({ atMost: figure }), z.strictObject({ atLeast: figure })]);
const row = z.strictObject({
  name: z.enum(rowNames),
  unit: z.enum(["us", "MB", "ms"]),
  ours: figure.nullable(),
  base: figure.nullable(),
  floor: figure.nullable(),
  peer: figure.nullable(),
  medians: sides.partial(),
  ratios: figures,
  pairs: z.array(sides.extend({ ratios: figures })),
  target: z.record(z.string(), bound),
  missed: z.array(z.string()),
  reached: z.boolean(),
  peerName: z.string().optional(),
  failure: z.string().optional(),
});

const schema = z.strictObject({
  machine: z.strictObject({
    cores: z.int().min(1),
    deno: z.string(),
    load: z.strictObject({ before: figure.min(0), after: figure.min(0) }),
  }),
  revision: z.string(),
  pairs: z.int().min(1),
  rows: z.array(row),
});

/**
 * Reads a printed document.
 *
 * @throws {Error} unless it has the shape, and each of its rows as many pairs as the document says.
 */
export function parseDocument(text: string): ComparisonDocument {
  const document = schema.parse(JSON.parse(text));
  for (const { name, pairs, failure } of document.rows) {
    assert.equal(pairs.length, failure === undefined ? document.pairs : 0, name);
  }
  // The schema has the names of figures and ratios as texts.
  return document as ComparisonDocument;
}
