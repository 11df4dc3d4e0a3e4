import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { equalBytes } from "../base/bytes.ts";
import {
  AnnotationReader,
  areSameWraps,
  decodeAnnotations,
  encodeAnnotations,
  maxWraps,
  ownWraps,
  referenceTo,
  type Wrap,
} from "./wrap.ts";

const wrap = fc.record({
  name: fc.constantFrom("a", "b", "c", "d"),
  version: fc.constantFrom("1", "2", "11"),
  ciphertext: fc.uint8Array({ minLength: 1, maxLength: 3, max: 1 }),
});
const wrapsOf = (maxLength: number) => fc.uniqueArray(wrap, { minLength: 1, maxLength, selector: ({ name }) => name });

Deno.test("areSameWraps() says of any two lists what their references say", () => {
  fc.assert(
    fc.property(wrapsOf(4), fc.array(wrap, { maxLength: 4 }), (known, wraps) => {
      equal(areSameWraps(known, wraps), equalBytes(referenceTo(known), referenceTo(wraps)));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("areSameWraps() does not mind the order, and sees every change", () => {
  fc.assert(fc.property(wrapsOf(4), (known) => {
    equal(areSameWraps(known, known.toReversed()), true);
    const all: readonly Wrap[] = known;
    all.forEach((one, at) => {
      const changedTo = (other: Wrap) => all.with(at, other);
      const flipped = one.ciphertext.map((byte, index) => index === 0 ? byte ^ 1 : byte);
      for (
        const changed of [
          changedTo({ ...one, ciphertext: flipped }),
          changedTo({ ...one, version: `${one.version}0` }),
          changedTo({ ...one, name: "e" }),
          all.toSpliced(at, 1),
          [...all, one],
        ]
      ) equal(areSameWraps(known, changed), false);
    });
  }));
});

Deno.test("ownWraps() are not touched by what becomes of the request", () => {
  const request = Uint8Array.of(1, 2, 3);
  const given = [{ name: "a", version: "1", ciphertext: request.subarray(1) }];
  const own = ownWraps(given);
  request.fill(9);
  equal(areSameWraps(own, given), false);
});

Deno.test("AnnotationReader gives the wraps that decodeAnnotations() gives, whichever it has read before", () => {
  fc.assert(fc.property(fc.array(wrapsOf(4), { minLength: 1, maxLength: 6 }), (requests) => {
    const reader = new AnnotationReader();
    for (const wraps of requests) {
      const annotations = encodeAnnotations(wraps);
      deepEqual(decodeAnnotations(annotations, reader.decode), decodeAnnotations(annotations));
    }
  }));
});

Deno.test("AnnotationReader refuses what decodeAnnotations() refuses, and is not touched by later changes", () => {
  const reader = new AnnotationReader();
  const annotations = encodeAnnotations([{ name: "a", version: "1", ciphertext: Uint8Array.of(1, 2, 3) }]);
  const [key = "", value = new Uint8Array(0)] = Object.entries(annotations)[0] ?? [];
  const [kept] = decodeAnnotations(annotations, reader.decode);
  for (let at = 0; at < value.length; at++) {
    const cut = { [key]: value.slice(0, at) };
    const outcome = (decode?: AnnotationReader["decode"]) => {
      try {
        return decodeAnnotations(cut, decode);
      } catch (thrown) {
        return String(thrown);
      }
    };
    deepEqual(outcome(reader.decode), outcome());
  }
  throws(() => decodeAnnotations({ "a.b": value }, reader.decode), { code: "integrity" });
  value.fill(0);
  deepEqual(kept, { name: "a", version: "1", ciphertext: Uint8Array.of(1, 2, 3) });
});

Deno.test("AnnotationReader reads any number of names, and keeps as many as an envelope can have", () => {
  const reader = new AnnotationReader();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3 * maxWraps; i++) {
      const wraps = [{ name: `n${i}`, version: `${round + 1}`, ciphertext: Uint8Array.of(i) }];
      deepEqual(decodeAnnotations(encodeAnnotations(wraps), reader.decode), wraps);
    }
  }
});
