import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { repository } from "../compile/stage.ts";

const folder = join(repository, ".github/workflows");
const names = (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).toSorted();
const texts = new Map(names.map((name) => [name, Deno.readTextFileSync(join(folder, name))]));

/** The fields of a workflow that are read. */
interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, { readonly "timeout-minutes"?: number; readonly steps: readonly Step[] }>>;
}

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

const workflows = new Map([...texts].map(([name, text]) => [name, parse(text) as Workflow]));
const steps = [...workflows.values()].flatMap(({ jobs }) => Object.values(jobs).flatMap((job) => job.steps));

Deno.test("the workflows are test, release and scan; each has the least rights and an end", () => {
  assert.deepEqual(names, ["release.yml", "scan.yml", "test.yml"]);
  for (const { permissions, jobs } of workflows.values()) {
    assert.deepEqual(permissions, { contents: "read" });
    for (const job of Object.values(jobs)) assert.ok((job["timeout-minutes"] ?? 0) > 0);
  }
});

Deno.test("every action is pinned by the hash of a commit, with its version behind it", () => {
  for (const [name, text] of texts) {
    for (const line of text.split("\n").filter((one) => one.includes("uses:"))) {
      assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
    }
  }
});

Deno.test("the workflows run the Deno that the tests run under, and tasks that exist", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(repository, "deno.json")));
  for (const { uses, with: given } of steps) {
    if (uses?.startsWith("denoland/")) assert.equal(given?.["deno-version"], `v${Deno.version.deno}`);
    if (uses?.startsWith("actions/checkout@")) assert.equal(given?.["persist-credentials"], false);
  }
  const named = steps.flatMap(({ run = "" }) =>
    [...run.matchAll(/\bdeno task ([\w:]+)/g)].map(([, task = ""]) => task)
  );
  assert.ok(named.length >= 6);
  for (const task of named) assert.ok(task in tasks, task);
});

Deno.test("no value of an event or a secret stands inside a script", () => {
  for (const { run = "" } of steps) assert.doesNotMatch(run, /\$\{\{/);
});
