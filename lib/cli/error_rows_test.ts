import { equal, match, ok, throws } from "node:assert/strict";
import { UsageError } from "./command.ts";
import { errorHelp } from "./error_rows.ts";

const rows = (await Deno.readTextFile(new URL("../base/error_anchors.tsv", import.meta.url))).trimEnd().split("\n")
  .map((row) => row.split("\t")).map(([anchor = "", says = ""]) => ({ anchor, says }));
const help = (...words: string[]) => errorHelp(words, "toy", 92);

Deno.test("errorHelp() has a sentence, a cause and a cure for every anchor", () => {
  for (const { anchor, says } of rows) {
    const text = help(anchor).replace(/\s+/g, " ");
    ok(text.includes(says.replace(/\s+/g, " ")), says);
    match(text, /Cause:? .*\w.* Cure:? .*\w/, anchor);
  }
});

Deno.test("errorHelp() finds the row of a sentence, given as one word or as many", () => {
  const message = 'Cannot wrap with provider "v": 10.0.0.1:8200 refused the connection.';
  const { anchor = "" } = rows.find(({ says }) => says === "refused the connection") ?? {};
  equal(help(message), help(anchor));
  equal(help(...message.split(" ")), help(anchor));
  equal(help(`#${anchor}`), help(anchor));
});

Deno.test("errorHelp() prints several anchors, an area, and the list of areas", () => {
  const [one, other] = [rows[0]?.anchor ?? "", rows[1]?.anchor ?? ""];
  equal(help(one, other), `${help(one)}\n${help(other)}`);
  ok(help("vault-key").includes("there is no such key or mount"));
  match(help(), /vault-key +Vault and OpenBao: the key/);
});

Deno.test("errorHelp() refuses words that are no anchor and no sentence, without their control characters", () => {
  throws(() => help("nothing\x1b[31m"), (thrown) => {
    ok(thrown instanceof UsageError);
    equal(thrown.message, 'No row has the anchor or the sentence "nothing\ufffd[31m".');
    return true;
  });
});
