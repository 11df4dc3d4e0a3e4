import { doesNotMatch, equal } from "node:assert/strict";
import fc from "fast-check";
import { refusalSentence } from "./object_patch.ts";

const value = "s3cret-value";

/** A Status of kube-apiserver. */
function status(code: number, message: string, more: object = {}) {
  return { status: code, body: { kind: "Status", apiVersion: "v1", status: "Failure", message, code, ...more } };
}

const invalid = status(422, `Widget "w" is invalid: [spec.a: Invalid value: "${value}": no, spec.b: Required value]`, {
  reason: "Invalid",
  details: {
    name: "w",
    causes: [
      { reason: "FieldValueInvalid", message: `Invalid value: "${value}": no`, field: "spec.a" },
      { reason: "FieldValueRequired", message: "Required value", field: "spec.b" },
    ],
  },
});

const sentences: readonly (readonly [what: string, answer: ReturnType<typeof status>, sentence: string])[] = [
  [
    "of a refused value has fields and reasons",
    invalid,
    "Invalid: spec.a (FieldValueInvalid), spec.b (FieldValueRequired)",
  ],
  [
    "of a webhook is its own",
    status(403, 'admission webhook "policy.example" denied the request: no'),
    'admission webhook "policy.example" denied the request: no',
  ],
  [
    "of a webhook that shows a value ends before it",
    status(400, `admission webhook "w" denied the request: spec.a: Invalid value: "${value}": no`, {
      reason: "BadRequest",
    }),
    'admission webhook "w" denied the request: spec.a: Invalid value …',
  ],
  [
    "of a policy, whose cause has no field, is its own",
    status(422, "denied by policy", { reason: "Invalid", details: { causes: [{ message: "no" }] } }),
    "denied by policy",
  ],
  [
    "with an unsupported value ends before it",
    status(422, `spec.a: Unsupported value: "${value}"`),
    "spec.a: Unsupported value …",
  ],
  [
    "with a repeated value ends before it",
    status(422, `spec.a[1]: Duplicate value: "${value}"`),
    "spec.a[1]: Duplicate value …",
  ],
  [
    "with a value that is not found ends before it",
    status(422, `spec.a: Not found: "${value}"`),
    "spec.a: Not found …",
  ],
  [
    "with a number that is too large ends before it",
    status(422, `spec.a: Too many: ${value}: no`),
    "spec.a: Too many …",
  ],
  ["with a number that is too small ends before it", status(422, `spec.a: Too few: ${value}: no`), "spec.a: Too few …"],
  ["without a message has the status", { ...status(500, ""), status: 500 }, "it answered 500"],
  ["that is long is cut", status(403, "x".repeat(400)), `${"x".repeat(300)} …`],
];

for (const [what, answer, sentence] of sentences) {
  Deno.test(`refusalSentence() ${what}`, () => {
    equal(refusalSentence(answer), sentence);
    doesNotMatch(refusalSentence(answer), /s3cret/);
  });
}

Deno.test("refusalSentence() is total", () => {
  const details = fc.record({ causes: fc.oneof(fc.array(fc.anything()), fc.anything()) });
  const body = fc.record({ kind: fc.constant("Status"), message: fc.anything(), reason: fc.anything(), details });
  fc.assert(fc.property(fc.oneof(body, fc.anything()), (body) => {
    equal(refusalSentence({ status: 422, body }).length <= 302, true);
  }));
});
