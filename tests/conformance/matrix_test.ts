/**
 * The support matrix of `docs/compatibility.md` is complete and equals the results of the suite's runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { providerKinds } from "../../lib/provider/registry.ts";
import { criteriaOf, type Criterion } from "./criteria.ts";
import { registerCases } from "./conformance.ts";
import { suiteFiles } from "./files.ts";
import { localBench } from "./local_bench.ts";
import { gaps, type Offered, offered, withSection } from "./matrix.ts";
import { readResults, type Results, type Row } from "./results.ts";

const page = new URL("../../docs/compatibility.md", import.meta.url);
const task = "run deno task matrix; deno task matrix engines where a real server is behind the bench";

async function allFiles(): Promise<string[]> {
  const { quick, engines } = await suiteFiles();
  return [...quick, ...engines];
}

Deno.test("the support matrix of docs/compatibility.md is what results.json gives", async () => {
  const text = await Deno.readTextFile(page);
  assert.equal(text, withSection(text, await readResults()), task);
});

Deno.test("every provider, every method to log in and every criterion has its result", async () => {
  assert.deepEqual(gaps(await readResults(), offered(), await allFiles()), [], task);
});

Deno.test("every file that calls the suite has a row, and the suite asks what the table of criteria has", async () => {
  const results = Object.values(await readResults());
  for (const file of await allFiles()) assert.ok(results.some(({ by }) => by === file), `${file}: ${task}`);
  const asked = new Set<Criterion>();
  registerCases(localBench, (criterion) => void asked.add(criterion));
  assert.deepEqual([...asked].sort(), criteriaOf("whole").toSorted());
});

Deno.test("offered() reads every kind and method out of the config's schema", () => {
  const known = offered();
  assert.deepEqual([...known.keys()].sort(), [...providerKinds].sort());
  assert.deepEqual(known.get("local"), []);
  assert.ok(known.get("vault-transit")?.includes("kubernetes"));
});

const known: Offered = new Map([["local", []], ["vault-transit", ["token", "cert"]]]);
const files = ["local_test.ts", "vault_test.ts"];

function row(changes: Partial<Row>): Row {
  const part = changes.part ?? "whole";
  const criteria = Object.fromEntries(criteriaOf(part).map((criterion) => [criterion, "held" as const]));
  return { by: "vault_test.ts", kind: "vault-transit", engine: "double", key: "AES", part, criteria, ...changes };
}

const sound: Results = {
  local: row({ kind: "local", by: "local_test.ts" }),
  vault: row({ auth: "token" }),
  "vault by cert": row({ auth: "cert", part: "login" }),
};

function without(name: string): Results {
  return Object.fromEntries(Object.entries(sound).filter(([other]) => other !== name));
}

function lacking(criterion: Criterion, from: Row): Row {
  const { [criterion]: _, ...criteria } = from.criteria;
  return { ...from, criteria };
}

const spoiled: Readonly<Record<string, readonly [Results, RegExp]>> = {
  "a provider without a bench": [without("local"), /^no bench puts "local" to the whole suite$/],
  "a provider of which only logins were tried": [
    { ...without("vault"), "vault by token": row({ auth: "token", part: "login" }) },
    /^no bench puts "vault-transit" to the whole suite$/,
  ],
  "a method that nobody logs in by": [without("vault by cert"), /^no bench logs in to "vault-transit" by "cert"$/],
  "a criterion that was not asked": [
    { ...sound, vault: lacking("hang", row({ auth: "token" })) },
    /^vault: "hang" is missing$/,
  ],
  "a criterion of a login that was not asked": [
    { ...sound, "vault by cert": lacking("refused login", row({ auth: "cert", part: "login" })) },
    /^vault by cert: "refused login" is missing$/,
  ],
  "a criterion that is none any more": [
    { ...sound, vault: row({ auth: "token", criteria: { ...row({}).criteria, ...{ "old one": "held" } } }) },
    /^vault: nobody asks "old one"$/,
  ],
  "a provider that is none any more": [
    { ...sound, other: row({ kind: "other" }) },
    /^other: there is no provider "other"$/,
  ],
  "a method that is none any more": [
    { ...sound, other: row({ auth: "ldap" }) },
    /^other: "vault-transit" does not log in by "ldap"$/,
  ],
  "a bench that does not say how it logs in": [
    { ...sound, other: row({}) },
    /^other: "vault-transit" does not log in by "nothing"$/,
  ],
  "a file that is gone": [
    { ...sound, other: row({ auth: "token", by: "gone_test.ts" }) },
    /^other: gone_test.ts is not there$/,
  ],
};

Deno.test("gaps() finds none in results that are complete", () => assert.deepEqual(gaps(sound, known, files), []));

for (const [what, [results, sentence]] of Object.entries(spoiled)) {
  Deno.test(`gaps() finds ${what}`, () => {
    const [gap, ...more] = gaps(results, known, files);
    assert.match(`${gap}`, sentence);
    assert.deepEqual(more, []);
  });
}

Deno.test("withSection() shows another outcome, and fails where the marks are gone", async () => {
  const text = await Deno.readTextFile(page);
  const all = await readResults();
  const shown = withSection(text, all);
  for (const [name, { criteria }] of Object.entries(all)) {
    const [first] = Object.keys(criteria);
    const other = { ...criteria, [`${first}`]: "cannot: of a test" as const };
    const changed = { ...all, [name]: { ...(all[name] ?? assert.fail()), criteria: other } };
    assert.notEqual(withSection(text, changed), shown, name);
  }
  assert.throws(() => withSection("no marks", all), /lost its marks/);
});
