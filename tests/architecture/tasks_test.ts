/**
 * The tasks that the README names, and that trying the plugin out grants it no more than the binary has.
 *
 * @module
 */
import assert from "node:assert/strict";
import { bakedFlags } from "../../deploy/compile/permissions.ts";

const root = new URL("../..", import.meta.url);
const { tasks }: { tasks: Readonly<Record<string, string>> } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", root)),
);

Deno.test("the task start has the permissions and the engine's flags of the binary, and writes below ./run", () => {
  const words = (tasks.start ?? "").split(" ");
  const granted = words.filter((word) => word.startsWith("--"));
  const expected = bakedFlags()
    .map((flag) => flag.replace("--allow-write=", "--allow-write=run,"));
  assert.deepEqual(granted.toSorted(), expected.toSorted());
});

Deno.test("every task that the README names is there", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const named = [...readme.matchAll(/\btask ([a-z:0-9]+)/g)].map(([, name]) => name ?? "");
  assert.ok(named.length > 5);
  for (const name of named) assert.ok(name in tasks, `deno task ${name}`);
});

Deno.test("every package is pinned exactly, and has its line in the README", async () => {
  const { imports }: { imports: Readonly<Record<string, string>> } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", root)),
  );
  const readme = await Deno.readTextFile(new URL("README.md", root));
  for (const [name, specifier] of Object.entries(imports)) {
    assert.match(specifier, /^npm:.+@\d+\.\d+\.\d+$/, name);
    assert.ok(readme.includes(`\`${name}\``), `the README does not say why ${name} is there`);
  }
});
