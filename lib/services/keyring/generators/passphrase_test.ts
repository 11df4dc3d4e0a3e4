import { equal, ok } from "node:assert/strict";
import { assertDistribution, uniform } from "../../../../tests/support/binomial.ts";
import { generatePassphrase } from "./passphrase.ts";
import { effWords } from "./words/word_list.ts";

const spec = { kind: "passphrase", words: 6, separator: " ", capitalize: false } as const;

Deno.test("generatePassphrase() joins words of the list, and reports 12.92 bits for each", async () => {
  const known = new Set(effWords());
  const { text, bits } = await generatePassphrase(spec);
  const words = text.split(" ");
  equal(words.length, 6);
  ok(words.every((word) => known.has(word)), "all words are of the list");
  equal(bits, 6 * Math.log2(7776));
});

Deno.test("generatePassphrase() capitalizes each word without a change of its entropy", async () => {
  const { text, bits } = await generatePassphrase({ ...spec, separator: "7_", capitalize: true });
  const words = text.split("7_");
  const known = new Set(effWords());
  ok(words.every((word) => /^[A-Z][a-z-]+$/.test(word) && known.has(word.toLowerCase())));
  equal(bits, 6 * Math.log2(7776));
});

Deno.test("generatePassphrase() chooses from all parts of the list with the same probability", async () => {
  const parts = new Map(effWords().map((word, at) => [word, Math.floor(at / 486)]));
  const texts = await Promise.all(Array.from({ length: 200 }, () => generatePassphrase({ ...spec, words: 32 })));
  const drawn = texts.flatMap(({ text }) => text.split(" ")).map((word) => parts.get(word) ?? -1);
  equal(drawn.length, 6400);
  assertDistribution(drawn, uniform(Array.from({ length: 16 }, (_, at) => at)));
});
