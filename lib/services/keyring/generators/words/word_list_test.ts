import { equal, ok } from "node:assert/strict";
import { sha256Hex } from "../../../../base/bytes.ts";
import { effWords } from "./word_list.ts";

const name = "eff_large_wordlist.txt";

Deno.test("eff_large_wordlist.txt is the very file that README.md names by its hash", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", import.meta.url));
  const row = readme.split("\n").find((line) => line.startsWith(`| \`${name}\``));
  equal(row?.match(/[0-9a-f]{64}/)?.[0], sha256Hex(await Deno.readFile(new URL(name, import.meta.url))));
});

Deno.test("effWords() gives 7,776 different words of lowercase letters and hyphens", () => {
  const words = effWords();
  equal(words.length, 7776);
  equal(new Set(words).size, 7776);
  ok(words.every((word) => /^[a-z]+(-[a-z]+)*$/.test(word)));
  equal(words[0], "abacus");
  equal(words.at(-1), "zoom");
});

Deno.test("no word of the list is made of two other words and a hyphen, so that a hyphen between words is no ambiguity", () => {
  const words = new Set(effWords());
  const hyphened = [...words].filter((word) => word.includes("-"));
  ok(hyphened.length > 0);
  for (const word of hyphened) ok(word.split("-").some((part) => !words.has(part)), word);
});
