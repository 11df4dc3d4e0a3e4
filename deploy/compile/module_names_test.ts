import { deepEqual, equal, throws } from "node:assert/strict";
import { moduleNames, renamed } from "./module_names.ts";

/** Two bundles of one source in two places: other hashes, equal texts. */
const [near, far] = [["AAAAAAAA", "BBBBBBBB"], ["CCCCCCCC", "DDDDDDDD"]].map(([a, b]) =>
  new Map([
    ["main.js", `import { f } from "./chunk-${a}.js";\nawait import("./late-${b}.js");\n`],
    [`chunk-${a}.js`, `import "./late-${b}.js";\nexport const f = 1;\n`],
    [`late-${b}.js`, `await import("./chunk-${a}.js");\n`],
  ])
) as [Map<string, string>, Map<string, string>];

Deno.test("moduleNames() gives equal names and texts whatever the bundler's hashes are", () => {
  const [nearNames, farNames] = [moduleNames(near, "main.js"), moduleNames(far, "main.js")];
  deepEqual([...nearNames.values()], [...farNames.values()]);
  const texts = (bundle: Map<string, string>, names: Map<string, string>) =>
    [...bundle.values()].map((text) => renamed(text, names));
  deepEqual(texts(near, nearNames), texts(far, farNames));
  equal(nearNames.get("main.js"), "main.js");
});

Deno.test("moduleNames() gives another name to another text", () => {
  const changed = new Map(near).set("chunk-AAAAAAAA.js", "export const f = 2;\n");
  const [before, after] = [moduleNames(near, "main.js"), moduleNames(changed, "main.js")];
  equal(before.get("late-BBBBBBBB.js"), after.get("late-BBBBBBBB.js"));
  equal(before.get("chunk-AAAAAAAA.js") === after.get("chunk-AAAAAAAA.js"), false);
});

Deno.test("moduleNames() refuses two modules with one name, and a bundle without its first module", () => {
  const equals = new Map([["main.js", ""], ["chunk-AAAAAAAA.js", "1"], ["chunk-BBBBBBBB.js", "1"]]);
  throws(() => moduleNames(equals, "main.js"), /two modules are equal/);
  throws(() => moduleNames(near, "entry.js"), /no module entry\.js/);
});

Deno.test("renamed() changes nothing but imports, and refuses a module that it does not know", () => {
  const names = new Map([["a.js", "b.js"]]);
  equal(
    renamed(`export { x } from "./a.js"; const text = "./a.js";`, names),
    `export { x } from "./b.js"; const text = "./a.js";`,
  );
  throws(() => renamed(`import "./c.js";`, names), /no module c\.js/);
});
