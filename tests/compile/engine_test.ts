/**
 * The staged modules on another engine than V8: QuickJS reads them as they are. It cannot run them, since it has no Deno around
 * it; but a file that an engine cannot parse never gets as far as that.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { newQuickJSWASMModuleFromVariant } from "quickjs-emscripten-core";
import { artefacts } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";

/** What QuickJS says when it compiles a module; it stops at the first import, which it has nobody to ask for. */
async function verdict(source: string): Promise<string> {
  const engine = await newQuickJSWASMModuleFromVariant(import("@jitl/quickjs-ng"));
  using context = engine.newContext();
  // The limit is one of stack, and a bundle is one long list of nested functions.
  context.runtime.setMaxStackSize(0);
  const result = context.evalCode(source, "trousseau.js", { type: "module", compileOnly: true });
  if (!result.error) return "parsed";
  const { name, message }: { name: string; message: string } = context.dump(result.error);
  result.error.dispose();
  return `${name}: ${message}`;
}

for (const artefact of artefacts) {
  Deno.test(`stage() makes modules of ${artefact.name} that QuickJS can parse`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { modules } = await stage(folder, { artefact });
      for await (const { name } of Deno.readDir(modules)) {
        const said = await verdict(await Deno.readTextFile(join(modules, name)));
        assert.match(said, /^parsed$|^ReferenceError: could not load module '(node:|\w+[-.])/, name);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("verdict() tells what QuickJS cannot parse", async () => {
  assert.match(await verdict("{ using file = open(); }"), /^SyntaxError/);
  assert.equal(await verdict("export const fine = 1;"), "parsed");
});
