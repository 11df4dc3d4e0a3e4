/**
 * The shape of the document of a comparison, for tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { z } from "zod";
import { rowNames, sideNames } from "./rows.ts";

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
  ...Object.fromEntries(sideNames.map((side) => [side, figure.nullable()])),
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

/** Fails unless a printed document has the shape, and each of its rows as many pairs as it says. */
export function assertDocument(text: string): void {
  const { pairs, rows } = schema.parse(JSON.parse(text));
  for (const { name, pairs: taken, failure } of rows) {
    assert.equal(taken.length, failure === undefined ? pairs : 0, name);
  }
}
