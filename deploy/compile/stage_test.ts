import assert from "node:assert/strict";
import { withoutCachePaths } from "./stage.ts";

Deno.test("withoutCachePaths() names packages alike wherever the checkout and the cache are", async () => {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const up = root.split("/").slice(1).map(() => "..").join("/");
  const near = `// ${up}/home/a/.cache/deno/npm/registry.example/yaml/2.9.1/index.js\nexport {};\n`;
  const far = `// ${up}/srv/deno-cache/npm/mirror.example/yaml/2.9.1/index.js\nexport {};\n`;
  const plain = "// npm/yaml/2.9.1/index.js\nexport {};\n";
  assert.equal(withoutCachePaths(near, root, "/home/a/.cache/deno/npm"), plain);
  assert.equal(withoutCachePaths(far, root, "/srv/deno-cache/npm"), plain);
  await Deno.remove(root);
});

Deno.test("withoutCachePaths() refuses a bundle that still names a folder of the machine", async () => {
  const root = await Deno.realPath(await Deno.makeTempDir());
  assert.throws(() => withoutCachePaths(`const here = "${root}/lib";`, root, "/home/a/npm"), /names the folder/);
  await Deno.remove(root);
});
