import { deepEqual, equal, ok } from "node:assert/strict";
import { anchorOf, anchorsOf, sentencePlaceholder } from "./error_anchors.ts";

const rows = (await Deno.readTextFile(new URL("error_anchors.tsv", import.meta.url))).trimEnd().split("\n")
  .map((row) => row.split("\t")).map(([anchor = "", says = ""]) => ({ anchor, says }));

const placeholders = new RegExp(sentencePlaceholder, "g");
const filled = (says: string, value: string) => says.replaceAll(placeholders, value);

/** The sentence of an anchor without head, names and full stop: two rows can differ in them alone. */
function plain(anchor: string | undefined): string | undefined {
  const says = rows.find((row) => row.anchor === anchor)?.says;
  if (says === undefined) return undefined;
  const text = filled(says, "{}").replace(/^Cannot \{\}: /, "").replace(/^\{\} /, "").replaceAll("{}{}", "{}");
  return /\w/.test(text) ? text.replace(/\.$/, "") : "a head alone";
}

const anchorIn = (says: string) => rows.find((row) => row.says === says)?.anchor;

Deno.test("anchorOf() finds every sentence of the table by itself", () => {
  for (const { anchor, says } of rows) equal(plain(anchorOf(filled(says, "7"))), plain(anchor), says);
});

Deno.test("anchorOf() finds every end of a sentence behind a head", () => {
  const ends = rows.filter(({ says }) => !says.endsWith(".") && !says.startsWith("Cannot "));
  ok(ends.length > 500);
  for (const { anchor, says } of ends) {
    equal(plain(anchorOf(`Cannot wrap with provider "v": ${filled(says, "7")}.`)), plain(anchor), says);
  }
});

Deno.test("anchorOf() prefers the reason within a whole sentence", () => {
  const reason = anchorIn("refused the connection");
  ok(reason !== undefined);
  for (
    const message of [
      'Cannot wrap with provider "v": 10.0.0.1:8200 refused the connection.',
      'Cannot encrypt: no data key is ready. Cannot wrap with provider "v": 10.0.0.1:8200 refused the connection.',
      'Cannot wrap: 0 of 1 needed providers did. Cannot wrap with provider "v": vault:8200 refused the connection.',
      'cannot wrap with provider "v": 10.0.0.1:8200 refused the connection',
    ]
  ) equal(anchorOf(message), reason, message);
});

Deno.test("anchorOf() knows no sentence of another program, and no part of a word", () => {
  for (const text of ["", "All is well.", "rows: 12 of 13", "Xis empty", "is emptyX"]) equal(anchorOf(text), undefined);
});

Deno.test("anchorOf() reads a long message in linear time", () => {
  const begun = performance.now();
  anchorOf("Cannot decrypt: ".repeat(100_000));
  ok(performance.now() - begun < 5_000);
});

Deno.test("anchorsOf() names each anchor once, in order", () => {
  const [one, other] = ["refused the connection", "the disk is full"];
  deepEqual(anchorsOf([`a ${one}`, other, "no sentence", `b ${one}.`]), [anchorIn(one), anchorIn(other)]);
});
