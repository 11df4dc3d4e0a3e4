import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { parseSourceMark } from "../../lib/base/version.ts";
import { checkedOutCommit } from "../../lib/cli/checkout.ts";
import { sourceOf, sourcePlaceholder, withSource } from "./source.ts";
import { repository } from "./stage.ts";
import { inTemporaryFolder } from "./temporary.ts";

const time = 1_700_000_000;

async function git(root: string, ...args: string[]): Promise<Uint8Array> {
  const as = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgSign=false"];
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["-C", root, ...as, ...args],
    env: { GIT_COMMITTER_DATE: `${time} +0000`, GIT_AUTHOR_DATE: `${time} +0000`, GIT_CONFIG_GLOBAL: "/dev/null" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return stdout;
}

/** A clone with one commit, which holds the file with the placeholder. */
async function withClone(work: (root: string, commit: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder({}, async (folder) => {
    const root = join(folder, "clone");
    await Deno.mkdir(join(root, "lib/base"), { recursive: true });
    for (const file of [".gitattributes", "lib/base/version.ts"]) {
      await Deno.copyFile(join(repository, file), join(root, file));
    }
    const path = join(root, "lib/base/version.ts");
    // The tests can themselves run from an archive.
    await Deno.writeTextFile(
      path,
      (await Deno.readTextFile(path)).replace(/source:[0-9a-f]{40,64} \d+/, sourcePlaceholder),
    );
    await git(root, "init", "--quiet", "--initial-branch=main");
    await git(root, "add", ".");
    await git(root, "commit", "--quiet", "-m", "first");
    await work(root, new TextDecoder().decode(await git(root, "rev-parse", "HEAD")).trim());
  });
}

Deno.test("sourceOf() reads the commit and its time of a clone, and tells a change of the source", async () => {
  await withClone(async (root, commit) => {
    assert.deepEqual(await sourceOf(root), { commit, time, modified: false });
    for (const path of ["lib/new.ts", "LICENSE", "tests/e2e/servers.ts"]) {
      await Deno.mkdir(dirname(join(root, path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), "changed");
      assert.deepEqual(await sourceOf(root), { commit, time, modified: true }, path);
      await Deno.remove(join(root, path));
    }
    await Deno.writeTextFile(join(root, ".git/info/exclude"), "/dist/\n");
    await Deno.mkdir(join(root, "dist"));
    await Deno.writeTextFile(join(root, "dist/output"), "ignored");
    assert.deepEqual(await sourceOf(root), { commit, time, modified: false });
    await Deno.writeTextFile(join(root, ".gitattributes"), "");
    assert.deepEqual(await sourceOf(root), { commit, time, modified: true });
  });
});

Deno.test("sourceOf() reads the commit of an archive, and staging writes the same text from the clone", async () => {
  await withClone(async (root, commit) => {
    const there = join(root, "..", "archive");
    await Deno.mkdir(there);
    await Deno.writeFile(join(there, "a.tar"), await git(root, "archive", "HEAD"));
    const { success } = await new Deno.Command("tar", { args: ["-xf", "a.tar"], cwd: there }).output();
    assert.ok(success);
    assert.deepEqual(await sourceOf(there), { commit, time, modified: false });
    const [here, archived] = [root, there].map((place) => Deno.readTextFileSync(join(place, "lib/base/version.ts")));
    assert.equal(withSource(here ?? "", await sourceOf(root)), archived);
  });
});

Deno.test("sourceOf() knows no commit without git's folder, even inside another clone", async () => {
  await withClone(async (root) => {
    const inside = join(root, "unpacked");
    await Deno.mkdir(join(inside, "lib/base"), { recursive: true });
    await Deno.copyFile(join(root, "lib/base/version.ts"), join(inside, "lib/base/version.ts"));
    assert.equal(await sourceOf(inside), undefined);
    assert.equal(withSource("text", undefined), "text");
    await Deno.writeTextFile(join(root, ".git/HEAD"), "broken");
    await assert.rejects(sourceOf(root), /Cannot read the commit of /);
  });
});

Deno.test("checkedOutCommit() reads a clone, packed references, a detached head and a worktree", async () => {
  await withClone(async (root, commit) => {
    assert.equal(await checkedOutCommit(root), commit);
    await git(root, "pack-refs", "--all");
    assert.equal(await checkedOutCommit(root), commit);
    await git(root, "worktree", "add", "--quiet", "-b", "other", join(root, "..", "other"));
    assert.equal(await checkedOutCommit(join(root, "..", "other")), commit);
    await git(root, "checkout", "--quiet", "--detach");
    assert.equal(await checkedOutCommit(root), commit);
    assert.equal(await checkedOutCommit(join(root, "lib")), undefined);
  });
});

Deno.test("parseSourceMark() reads a commit of SHA-1 and of SHA-256, and refuses the placeholder", () => {
  for (const length of [40, 64]) {
    const commit = "ab".repeat(length / 2);
    assert.deepEqual(parseSourceMark(`source:${commit} 5`), { commit, time: 5, modified: false });
    assert.deepEqual(parseSourceMark(`source:${commit} 5 modified`), { commit, time: 5, modified: true });
  }
  for (const text of [sourcePlaceholder, "", `source:${"ab".repeat(19)} 5`]) {
    assert.equal(parseSourceMark(text), undefined);
  }
});
