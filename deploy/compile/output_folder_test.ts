import { deepEqual, rejects } from "node:assert/strict";
import { join } from "node:path";
import { requireReplaceable } from "./output_folder.ts";
import { inTemporaryFolder } from "./temporary.ts";

/** Checks a folder beside or in a checkout; its output is a file `mark` alone. */
async function withCheckout(
  work: (root: string, require: (path: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder({}, async (folder) => {
    const root = join(folder, "above/checkout");
    await Deno.mkdir(root, { recursive: true });
    const isOutput = (names: readonly string[]) => names.every((name) => name === "mark");
    await work(root, (path) => requireReplaceable({ path, root, isOutput }));
  });
}

Deno.test("requireReplaceable() accepts a new folder, an empty one, and output of before", async () => {
  await withCheckout(async (root, require) => {
    const out = join(root, "../out");
    await require(out);
    await Deno.mkdir(out);
    await require(out);
    await Deno.writeTextFile(join(out, "mark"), "");
    await require(out);
  });
});

Deno.test("requireReplaceable() refuses a folder with another file, also beside output of before", async () => {
  await withCheckout(async (root, require) => {
    const out = join(root, "notes");
    await Deno.mkdir(out);
    await Deno.writeTextFile(join(out, "mine.txt"), "");
    const message = `Cannot replace ${out}: it has files that this task did not make. Name a new or an empty folder.`;
    await rejects(require(out), { message });
    await Deno.writeTextFile(join(out, "mark"), "");
    await rejects(require(out), { message });
    deepEqual([...Deno.readDirSync(out)].length, 2);
  });
});

Deno.test("requireReplaceable() refuses the checkout and each folder above it, whatever is in them", async () => {
  await withCheckout(async (root, require) => {
    for (const path of [root, join(root, ".."), "/"]) {
      await rejects(require(path), { message: new RegExp(`^Cannot replace ${path}: the checkout is in it\\.`) });
    }
  });
});

Deno.test("requireReplaceable() refuses a file and a link to a folder", async () => {
  await withCheckout(async (root, require) => {
    const [file, link] = [join(root, "file"), join(root, "link")];
    await Deno.writeTextFile(file, "");
    await Deno.symlink("..", link);
    for (const path of [file, link]) await rejects(require(path), { message: /: it is no folder\./ });
  });
});

Deno.test("requireReplaceable() accepts any content of the checkout's dist, and no link from there to elsewhere", async () => {
  await withCheckout(async (root, require) => {
    await Deno.mkdir(join(root, "dist/stage"), { recursive: true });
    for (const path of ["dist", "dist/stage"]) await require(join(root, path));
    await Deno.mkdir(join(root, "../other/site"), { recursive: true });
    await Deno.writeTextFile(join(root, "../other/site/mine.txt"), "");
    await Deno.symlink("../../other", join(root, "dist/other"));
    await rejects(require(join(root, "dist/other/site")), { message: /files that this task did not make/ });
  });
});
