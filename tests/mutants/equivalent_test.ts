import { equal, match } from "node:assert/strict";
import { type Equivalent, identityIn, identityOf, mutantsOf } from "./mutate.ts";
import rows from "./equivalent.json" with { type: "json" };

const root = new URL("../..", import.meta.url).pathname;
const equivalents: readonly Equivalent[] = rows;

for (const one of equivalents) {
  Deno.test(`equivalent.json names a mutant that there is, with a reason: ${identityIn(one)}`, async () => {
    const source = await Deno.readTextFile(`${root}/${one.file}`);
    const found = mutantsOf(one.file, source).filter((mutant) => identityOf(mutant, source) === identityIn(one));
    equal(found.length, 1);
    match(one.reason, /^[A-Z].{20,}\.$/);
  });
}

Deno.test("equivalent.json names each mutant once", () => {
  equal(new Set(equivalents.map(identityIn)).size, equivalents.length);
});
