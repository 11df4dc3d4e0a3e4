import assert from "node:assert/strict";
import { join } from "node:path";
import { utf8Text } from "../../lib/base/bytes.ts";
import { run } from "../../tests/support/processes.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { readDeb } from "./deb_contents.ts";

const control = "Package: one\nVersion: 1\nArchitecture: all\nMaintainer: n <n@localhost>\nDescription: one\n";

/** A package with the files that `fill` puts into a folder. */
async function withDeb(fill: (tree: string) => Promise<void>, work: (path: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const [tree, path] = [join(folder, "tree"), join(folder, "one.deb")];
    await Deno.mkdir(join(tree, "DEBIAN"), { recursive: true });
    await Deno.writeTextFile(join(tree, "DEBIAN/control"), control);
    await fill(tree);
    const { code, stderr } = await run("dpkg-deb", ["--root-owner-group", "--build", tree, path]);
    assert.equal(code, 0, stderr);
    await work(path);
  });
}

Deno.test("readDeb() gives the control fields, files with their modes, and links, also with long names", async () => {
  const long = `usr/${"a".repeat(90)}/${"b".repeat(90)}`;
  await withDeb(async (tree) => {
    await Deno.mkdir(join(tree, long, ".."), { recursive: true });
    await Deno.writeTextFile(join(tree, long), "text");
    await Deno.writeTextFile(join(tree, "usr/run"), "", { mode: 0o755 });
    await Deno.chmod(join(tree, "usr/run"), 0o755);
    await Deno.symlink("run", join(tree, "usr/link"));
  }, async (path) => {
    const found = await readDeb(path);
    assert.match(utf8Text(found.control) ?? "", /^Package: one$/m);
    const entries = found.entries.map((entry) =>
      entry.type === "file" ? [entry.name, entry.mode.toString(8), utf8Text(entry.body)] : [entry.name, entry.type]
    );
    assert.deepEqual(entries.toSorted(), [[long, "644", "text"], ["usr/link", "symlink"], ["usr/run", "755", ""]]);
  });
});

Deno.test("readDeb() refuses an entry that is no file, link or folder, and a package that is cut off", async () => {
  await withDeb(async (tree) => {
    await Deno.writeTextFile(join(tree, "one"), "text");
    await Deno.link(join(tree, "one"), join(tree, "two"));
  }, async (path) => {
    await assert.rejects(readDeb(path), /^Error: Cannot read .*one\.deb: (one|two) is a link\.$/);
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.subarray(0, bytes.length >> 1));
    await assert.rejects(readDeb(path), /^Error: Cannot read .*one\.deb: /);
  });
});
